"""Two small tables whose schema has a history, to try migrations on."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from models.database.fields import UtcDatetime


class Shelf(Model):
    id = fields.IntField(primary_key=True)
    room = fields.CharField(max_length=20)
    label = fields.CharField(max_length=80, db_index=True)
    place = fields.IntField()
    is_main = fields.BooleanField(default=False)
    code = fields.CharField(max_length=20, unique=True)
    made_at: datetime = UtcDatetime()

    class Meta:
        table = "shelves"
        unique_together = (("room", "place"),)


class Book(Model):
    id = fields.IntField(primary_key=True)
    shelf: fields.ForeignKeyRelation[Shelf] = fields.ForeignKeyField(
        "models.Shelf", related_name="books", on_delete=fields.CASCADE
    )
    title = fields.CharField(max_length=80)

    class Meta:
        table = "books"
