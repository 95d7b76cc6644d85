from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint

from models.migrations._sql import Sql


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Shelf",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True)),
                ("room", fields.CharField(max_length=20)),
                ("label", fields.CharField(max_length=20, db_index=True)),
                ("place", fields.IntField()),
                ("is_main", fields.BooleanField(default=False)),
                ("code", fields.CharField(max_length=20, unique=True)),
                ("colour", fields.CharField(max_length=20, null=True)),
                ("made_at", fields.DatetimeField()),
            ],
            options={"table": "shelves", "unique_together": (("room", "place"),)},
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Book",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True)),
                (
                    "shelf",
                    fields.ForeignKeyField(
                        "models.Shelf",
                        source_field="shelf_id",
                        related_name="books",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("title", fields.CharField(max_length=80)),
            ],
            options={"table": "books"},
            bases=["Model"],
        ),
        ops.AddConstraint("Shelf", CheckConstraint(name="place_is_positive", check="place > 0")),
        Sql(
            "CREATE UNIQUE INDEX one_main_shelf ON shelves (room) WHERE is_main",
            "CREATE INDEX shelves_by_colour ON shelves (colour)",
        ),
        Sql(
            sqlite=[
                "CREATE TRIGGER books_stay BEFORE UPDATE OF title ON books"
                " BEGIN SELECT RAISE(ABORT, 'titles stay'); END"
            ],
            postgres=[
                "CREATE RULE books_stay AS ON UPDATE TO books WHERE new.title <> old.title"
                " DO INSTEAD SELECT 1 / 0"
            ],
        ),
    ]
