from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Academy",
            fields=[
                (
                    "id",
                    fields.IntField(generated=True, primary_key=True, unique=True, db_index=True),
                ),
                ("slug", fields.CharField(unique=True, max_length=63)),
                ("name", fields.CharField(max_length=200)),
                ("timezone", fields.CharField(max_length=63)),
                ("locale", fields.CharField(default="ar", max_length=35)),
                ("is_active", fields.BooleanField(default=True)),
                ("meeting_link_template", fields.CharField(null=True, max_length=500)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "academies", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AttendancePolicy",
            fields=[
                (
                    "academy",
                    fields.OneToOneField(
                        "models.Academy",
                        source_field="academy_id",
                        primary_key=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="attendance_policy",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("present_from_percent", fields.IntField(default=80)),
                ("partial_from_percent", fields.IntField(default=30)),
                ("late_after_minutes", fields.IntField(default=15)),
                ("merge_gap_seconds", fields.IntField(default=120)),
            ],
            options={"table": "attendance_policies", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ClockHeartbeat",
            fields=[
                (
                    "name",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=100),
                ),
                ("beat_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "clock_heartbeats", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DueWork",
            fields=[
                (
                    "id",
                    fields.BigIntField(
                        generated=True, primary_key=True, unique=True, db_index=True
                    ),
                ),
                ("kind", fields.CharField(max_length=30)),
                ("subject", fields.IntField()),
                (
                    "academy",
                    fields.ForeignKeyField(
                        "models.Academy",
                        source_field="academy_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="due_work",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("due_at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
                ("attempts", fields.IntField(default=0)),
                (
                    "claimed_until",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                ("last_error", fields.TextField(null=True, unique=False)),
            ],
            options={
                "table": "due_work",
                "app": "models",
                "unique_together": (("kind", "subject"),),
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    fields.IntField(generated=True, primary_key=True, unique=True, db_index=True),
                ),
                (
                    "academy",
                    fields.ForeignKeyField(
                        "models.Academy",
                        source_field="academy_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="users",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("external_id", fields.CharField(null=True, max_length=200)),
                ("role", fields.CharField(max_length=20)),
                ("first_name", fields.CharField(max_length=100)),
                ("last_name", fields.CharField(max_length=100)),
                ("email", fields.CharField(null=True, max_length=254)),
                ("password_hash", fields.CharField(null=True, max_length=200)),
                ("is_active", fields.BooleanField(default=True)),
                ("is_service", fields.BooleanField(default=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "users",
                "app": "models",
                "unique_together": (("academy", "external_id"), ("academy", "email")),
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Group",
            fields=[
                (
                    "id",
                    fields.IntField(generated=True, primary_key=True, unique=True, db_index=True),
                ),
                (
                    "academy",
                    fields.ForeignKeyField(
                        "models.Academy",
                        source_field="academy_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="groups",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("external_id", fields.CharField(max_length=200)),
                ("kind", fields.CharField(max_length=30)),
                ("name", fields.CharField(max_length=200)),
                (
                    "teacher",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="teacher_id",
                        null=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="groups",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "groups",
                "app": "models",
                "unique_together": (("academy", "external_id"),),
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Guardianship",
            fields=[
                (
                    "id",
                    fields.IntField(generated=True, primary_key=True, unique=True, db_index=True),
                ),
                (
                    "guardian",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="guardian_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="wards",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "child",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="child_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="guardianships",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
            ],
            options={
                "table": "guardianships",
                "app": "models",
                "unique_together": (("guardian", "child"),),
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    fields.IntField(generated=True, primary_key=True, unique=True, db_index=True),
                ),
                (
                    "group",
                    fields.ForeignKeyField(
                        "models.Group",
                        source_field="group_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="memberships",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="memberships",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("via", fields.CharField(max_length=20)),
                (
                    "active_from",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                (
                    "active_until",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
            ],
            options={
                "table": "memberships",
                "app": "models",
                "unique_together": (("group", "user", "via"),),
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    fields.IntField(generated=True, primary_key=True, unique=True, db_index=True),
                ),
                (
                    "academy",
                    fields.ForeignKeyField(
                        "models.Academy",
                        source_field="academy_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("external_id", fields.CharField(null=True, max_length=200)),
                ("kind", fields.CharField(max_length=20)),
                ("format", fields.CharField(max_length=20)),
                ("title", fields.CharField(max_length=300)),
                ("notes", fields.TextField(null=True, unique=False)),
                ("subject", fields.CharField(null=True, max_length=300)),
                ("session_number", fields.IntField(null=True)),
                (
                    "teacher",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="teacher_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="taught",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "student",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="student_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="individual_sessions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "group",
                    fields.ForeignKeyField(
                        "models.Group",
                        source_field="group_id",
                        null=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("status", fields.CharField(max_length=20)),
                ("version", fields.IntField(default=0)),
                ("scheduled_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("duration_minutes", fields.IntField()),
                ("ends_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ready_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("completes_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("overtime_until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "next_transition_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                (
                    "parked_until",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                ("last_error", fields.TextField(null=True, unique=False)),
                ("opened_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("started_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "finalised_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                ("cancellation_reason", fields.TextField(null=True, unique=False)),
                ("attendance_policy", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("meeting_id", fields.CharField(null=True, max_length=40)),
                ("room_name", fields.CharField(null=True, unique=True, max_length=200)),
                ("meeting_link", fields.CharField(null=True, max_length=700)),
                ("meeting_source", fields.CharField(null=True, max_length=20)),
                (
                    "meeting_created_by",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="meeting_created_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="meetings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "meeting_created_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                (
                    "meeting_expires_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                (
                    "meeting_ended_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                ("meeting_options", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("room_sid", fields.CharField(null=True, max_length=64)),
                ("room_created_ms", fields.BigIntField(null=True)),
                (
                    "room_first_ready_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                (
                    "room_ready_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                (
                    "room_seen_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                ("room_error", fields.TextField(null=True, unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "sessions",
                "app": "models",
                "unique_together": (("academy", "external_id"),),
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="MeetingAttendanceEvent",
            fields=[
                (
                    "id",
                    fields.BigIntField(
                        generated=True, primary_key=True, unique=True, db_index=True
                    ),
                ),
                (
                    "session",
                    fields.ForeignKeyField(
                        "models.Session",
                        source_field="session_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="attendance_events",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="attendance_events",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("source_id", fields.CharField(unique=True, max_length=200)),
                ("kind", fields.CharField(max_length=30)),
                ("source", fields.CharField(max_length=20)),
                ("occurred_ms", fields.BigIntField()),
                ("received_ms", fields.BigIntField(db_index=True)),
                ("room_sid", fields.CharField(null=True, max_length=64)),
                ("room_created_ms", fields.BigIntField(null=True)),
                ("participant_sid", fields.CharField(null=True, max_length=64)),
                ("joined_ms", fields.BigIntField(null=True)),
                ("is_disconnected", fields.BooleanField(default=False)),
                ("disconnect_reason", fields.CharField(null=True, max_length=40)),
                ("alive_ms", fields.BigIntField(null=True)),
            ],
            options={"table": "meeting_attendance_events", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SessionEvent",
            fields=[
                (
                    "id",
                    fields.BigIntField(
                        generated=True, primary_key=True, unique=True, db_index=True
                    ),
                ),
                (
                    "session",
                    fields.ForeignKeyField(
                        "models.Session",
                        source_field="session_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="events",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("sequence", fields.IntField()),
                ("kind", fields.CharField(max_length=30)),
                ("payload", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("occurred_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "actor",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="actor_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="acts",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
            ],
            options={
                "table": "session_events",
                "app": "models",
                "unique_together": (("session", "sequence"),),
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SessionParticipant",
            fields=[
                (
                    "id",
                    fields.IntField(generated=True, primary_key=True, unique=True, db_index=True),
                ),
                (
                    "session",
                    fields.ForeignKeyField(
                        "models.Session",
                        source_field="session_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="participants",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="participations",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("role", fields.CharField(max_length=20)),
                ("is_expected", fields.BooleanField()),
            ],
            options={
                "table": "session_participants",
                "app": "models",
                "unique_together": (("session", "user"),),
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="MeetingAttendance",
            fields=[
                (
                    "participant",
                    fields.OneToOneField(
                        "models.SessionParticipant",
                        source_field="participant_id",
                        primary_key=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="attendance",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "session",
                    fields.ForeignKeyField(
                        "models.Session",
                        source_field="session_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="attendances",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("presence", fields.CharField(max_length=20)),
                ("cycles", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("first_joined_ms", fields.BigIntField(null=True)),
                ("last_left_ms", fields.BigIntField(null=True)),
                ("closed_ms", fields.BigIntField()),
                ("joined_since_ms", fields.BigIntField(null=True)),
                ("join_count", fields.IntField()),
                ("leave_count", fields.IntField()),
                ("confidence", fields.CharField(max_length=20)),
                ("status", fields.CharField(null=True, max_length=20)),
                ("calculated_ms", fields.BigIntField(null=True)),
            ],
            options={"table": "meeting_attendances", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="VideoSettings",
            fields=[
                (
                    "academy",
                    fields.OneToOneField(
                        "models.Academy",
                        source_field="academy_id",
                        primary_key=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="video_settings",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("ready_minutes_before", fields.IntField(default=10)),
                ("completion_buffer_minutes", fields.IntField(default=5)),
                ("max_overtime_minutes", fields.IntField(default=0)),
                ("default_max_participants", fields.IntField(default=50)),
                ("max_duration_minutes", fields.IntField(default=120)),
                ("empty_timeout_seconds", fields.IntField(default=300)),
                ("token_ttl_minutes", fields.IntField(default=180)),
            ],
            options={"table": "video_settings", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebhookReceipt",
            fields=[
                (
                    "id",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=200),
                ),
                ("kind", fields.CharField(max_length=100)),
                ("room_name", fields.CharField(null=True, max_length=300)),
                ("outcome", fields.CharField(max_length=20)),
                ("detail", fields.TextField(null=True, unique=False)),
                (
                    "received_at",
                    fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False),
                ),
            ],
            options={"table": "webhook_receipts", "app": "models"},
            bases=["Model"],
        ),
    ]
