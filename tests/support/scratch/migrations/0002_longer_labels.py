from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """On SQLite each of these makes the table anew."""

    dependencies = [("models", "0001_initial")]

    operations = [
        ops.AlterField("Shelf", "label", fields.CharField(max_length=80, db_index=True)),
        ops.RemoveField("Shelf", "colour"),
    ]
