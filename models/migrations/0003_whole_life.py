from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields

from models.migrations._sql import Sql


class Migration(migrations.Migration):
    dependencies = [("models", "0002_indexes")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AccessKey",
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
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="access_keys",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "user",
                    fields.OneToOneField(
                        "models.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="access_key",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("name", fields.CharField(max_length=200)),
                ("secret_hash", fields.CharField(unique=True, max_length=64)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "last_used_at",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={"table": "access_keys", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Lease",
            fields=[
                (
                    "name",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=100),
                ),
                ("leased_until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "leases", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RefreshToken",
            fields=[
                (
                    "id",
                    fields.BigIntField(
                        generated=True, primary_key=True, unique=True, db_index=True
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
                        related_name="refresh_tokens",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("family", fields.CharField(db_index=True, max_length=40)),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                ("issued_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                (
                    "expires_at",
                    fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False),
                ),
                ("used_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={"table": "refresh_tokens", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SignInFailure",
            fields=[
                (
                    "key",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64),
                ),
                ("failures", fields.IntField()),
                (
                    "last_failed_at",
                    fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False),
                ),
                (
                    "blocked_until",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
            ],
            options={"table": "sign_in_failures", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TeacherMeetingSettings",
            fields=[
                (
                    "teacher",
                    fields.OneToOneField(
                        "models.User",
                        source_field="teacher_id",
                        primary_key=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="meeting_settings",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("max_participants", fields.IntField(null=True)),
                ("recording_enabled", fields.BooleanField(null=True)),
                ("video_quality", fields.CharField(null=True, max_length=10)),
                ("audio_quality", fields.CharField(null=True, max_length=10)),
                ("screen_sharing_enabled", fields.BooleanField(null=True)),
                ("chat_enabled", fields.BooleanField(null=True)),
                ("mute_on_join", fields.BooleanField(null=True)),
                ("theme", fields.CharField(null=True, max_length=100)),
            ],
            options={"table": "teacher_meeting_settings", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebhookRejection",
            fields=[
                (
                    "minute",
                    fields.DatetimeField(
                        primary_key=True,
                        unique=True,
                        db_index=True,
                        auto_now=False,
                        auto_now_add=False,
                    ),
                ),
                ("number", fields.IntField()),
            ],
            options={"table": "webhook_rejections", "app": "models"},
            bases=["Model"],
        ),
        ops.AddField(
            model_name="AttendancePolicy",
            name="stale_after_minutes",
            field=fields.IntField(default=30),
        ),
        ops.AddField(
            model_name="DueWork",
            name="begun",
            field=fields.IntField(default=0),
        ),
        ops.AddField(
            model_name="MeetingAttendance",
            name="open_sids",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="MeetingAttendance",
            name="override",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="MeetingAttendanceEvent",
            name="actor",
            field=fields.ForeignKeyField(
                "models.User",
                source_field="actor_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="attendance_acts",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="MeetingAttendanceEvent",
            name="note",
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name="MeetingAttendanceEvent",
            name="override_status",
            field=fields.CharField(null=True, max_length=20),
        ),
        ops.AddField(
            model_name="Session",
            name="closed_from",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Session",
            name="kept_open_by",
            field=fields.ForeignKeyField(
                "models.User",
                source_field="kept_open_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="kept_open",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="Session",
            name="kept_open_since",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Session",
            name="kept_open_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Session",
            name="meeting_refusal",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="Session",
            name="meeting_wishes",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="SessionParticipant",
            name="barred_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="SessionParticipant",
            name="barred_by",
            field=fields.ForeignKeyField(
                "models.User",
                source_field="barred_by_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="barrings",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="SessionParticipant",
            name="is_added",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="SessionParticipant",
            name="missed",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="User",
            name="rights_version",
            field=fields.IntField(default=0),
        ),
        ops.AddField(
            model_name="VideoSettings",
            name="auto_create_meetings",
            field=fields.BooleanField(default=True),
        ),
        ops.AddField(
            model_name="VideoSettings",
            name="auto_end_meetings",
            field=fields.BooleanField(default=True),
        ),
        ops.AddField(
            model_name="VideoSettings",
            name="meeting_creation_blocked_days",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="VideoSettings",
            name="meeting_creation_minutes_before",
            field=fields.IntField(default=15),
        ),
        ops.AddField(
            model_name="VideoSettings",
            name="meeting_creation_time_end",
            field=fields.CharField(null=True, max_length=5),
        ),
        ops.AddField(
            model_name="VideoSettings",
            name="meeting_creation_time_start",
            field=fields.CharField(null=True, max_length=5),
        ),
        ops.AddField(
            model_name="VideoSettings",
            name="record_by_default",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="VideoSettings",
            name="teachers_join_any_session",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="WebhookReceipt",
            name="occurred_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="WebhookReceipt",
            name="participant_sid",
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name="WebhookReceipt",
            name="session",
            field=fields.ForeignKeyField(
                "models.Session",
                source_field="session_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="receipts",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        ops.AddField(
            model_name="WebhookReceipt",
            name="user",
            field=fields.ForeignKeyField(
                "models.User",
                source_field="user_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="receipts",
                on_delete=OnDelete.SET_NULL,
            ),
        ),
        Sql(
            "CREATE INDEX sessions_unfinalised ON sessions (ended_at) "
            "WHERE status = 'COMPLETED' AND finalised_at IS NULL",
            "CREATE INDEX sessions_meetings ON sessions (academy_id, meeting_created_at) "
            "WHERE meeting_created_at IS NOT NULL",
            "CREATE INDEX sessions_left_open ON sessions (ends_at) "
            "WHERE meeting_id IS NOT NULL AND meeting_ended_at IS NULL",
            "CREATE INDEX webhook_receipts_session ON webhook_receipts (session_id, received_at) "
            "WHERE session_id IS NOT NULL",
            # SQLite looks into each row for the columns of the condition that the index lacks.
            sqlite=[
                "CREATE INDEX sessions_auto "
                "ON sessions (academy_id, meeting_created_at, meeting_created_by_id) "
                "WHERE meeting_created_at IS NOT NULL AND meeting_created_by_id IS NULL",
            ],
            postgres=[
                "CREATE INDEX sessions_auto ON sessions (academy_id) "
                "WHERE meeting_created_at IS NOT NULL AND meeting_created_by_id IS NULL",
            ],
        ),
    ]
