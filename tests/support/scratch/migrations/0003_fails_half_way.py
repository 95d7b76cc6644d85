from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.migrations._sql import Sql


class Migration(migrations.Migration):
    dependencies = [("models", "0002_longer_labels")]

    operations = [
        ops.AlterField("Shelf", "label", fields.CharField(max_length=200, db_index=True)),
        Sql("DELETE FROM shelves"),
        Sql("SELECT * FROM there_is_no_such_table"),
    ]
