from tortoise import migrations
from tortoise.migrations import operations as ops
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields

from models.migrations._sql import Sql


class Migration(migrations.Migration):
    dependencies = [("models", "0003_whole_life")]

    initial = False

    operations = [
        ops.CreateModel(
            name="DoorClosure",
            fields=[
                (
                    "shut_from",
                    fields.DatetimeField(
                        primary_key=True,
                        unique=True,
                        db_index=True,
                        auto_now=False,
                        auto_now_add=False,
                    ),
                ),
                ("shut_until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={"table": "door_closures", "app": "models"},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DoorHeartbeat",
            fields=[
                (
                    "name",
                    fields.CharField(primary_key=True, unique=True, db_index=True, max_length=100),
                ),
                ("beat_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("stored_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "refused_since",
                    fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
                ),
            ],
            options={"table": "door_heartbeats", "app": "models"},
            bases=["Model"],
        ),
        ops.AddField(
            model_name="AttendancePolicy",
            name="late_before_partial",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="AttendancePolicy",
            name="minimum_held_minutes",
            field=fields.IntField(default=15),
        ),
        ops.AddField(
            model_name="MeetingAttendance",
            name="arrived_ms",
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name="MeetingAttendance",
            name="bounds",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="MeetingAttendance",
            name="needs_review",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="MeetingAttendanceEvent",
            name="identity",
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name="Session",
            name="attendance_rule",
            field=fields.IntField(default=2),
        ),
        ops.AddField(
            model_name="Session",
            name="held_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        Sql(
            # What was final keeps the rules that it was judged by.
            "UPDATE sessions SET attendance_rule = 1 WHERE finalised_at IS NOT NULL",
            # The clock ends no session before its scheduled end: a person did.
            "UPDATE sessions SET held_until = ended_at "
            "WHERE ended_at < ends_at AND status IN ('COMPLETED', 'ABSENT')",
            "UPDATE meeting_attendances SET arrived_ms = first_joined_ms",
            "CREATE INDEX meeting_attendances_review ON meeting_attendances (session_id) "
            "WHERE needs_review",
        ),
    ]
