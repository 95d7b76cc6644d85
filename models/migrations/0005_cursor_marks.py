from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

from models.migrations._sql import Sql


class Migration(migrations.Migration):
    dependencies = [("models", "0004_sure_attendance")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Session",
            name="version_mark",
            field=fields.BigIntField(default=0),
        ),
        ops.AddField(
            model_name="SessionEvent",
            name="mark",
            field=fields.BigIntField(default=0),
        ),
        # Events that are there get marks too: each restore of an older backup gives them others.
        Sql(
            sqlite=["UPDATE session_events SET mark = 1 + abs(random() % 281474976710655)"],
            postgres=["UPDATE session_events SET mark = 1 + floor(random() * 281474976710655)"],
        ),
        Sql(
            "UPDATE sessions SET version_mark = COALESCE((SELECT mark FROM session_events "
            "WHERE session_id = sessions.id AND sequence = sessions.version), 0)",
            # An empty text clears the notes; it is kept as none.
            "UPDATE sessions SET notes = NULL WHERE notes = ''",
        ),
    ]
