from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0007_memberships_and_keys")]

    initial = False

    operations = [
        ops.AddField(
            model_name="VideoSettings",
            name="refuse_conflicts",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="VideoSettings",
            name="teachers_schedule_sessions",
            field=fields.BooleanField(default=True),
        ),
    ]
