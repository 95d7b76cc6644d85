"""What Tortoise cannot say: indexes on the rows that are waited for, and the super admins' emails."""

from tortoise import migrations

from models.migrations._sql import Sql


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]

    operations = [
        Sql(
            "CREATE INDEX sessions_due ON sessions (next_transition_at) "
            "WHERE next_transition_at IS NOT NULL",
            "CREATE INDEX sessions_live ON sessions (status) WHERE status IN ('READY', 'ONGOING')",
            "CREATE INDEX sessions_calendar ON sessions (academy_id, scheduled_at, id)",
            "CREATE UNIQUE INDEX users_super_email ON users (email) WHERE academy_id IS NULL",
            "CREATE UNIQUE INDEX users_super_external ON users (external_id) "
            "WHERE academy_id IS NULL",
            "CREATE INDEX meeting_attendance_inside ON meeting_attendances (session_id) "
            "WHERE presence = 'IN_MEETING'",
        )
    ]
