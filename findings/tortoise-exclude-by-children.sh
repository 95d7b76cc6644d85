#!/usr/bin/env bash
# Tortoise ORM 1.1.9: exclude over a to-many relation is no "has no such child".
#
# Guess: `Parent.exclude(children__word="x")` selects the parents without a child x, as Django's
# does by a subquery; the parent without any child is among them.
# Seen: it joins the children and drops joined rows, not parents. A parent with children x and y
# stays, because of y; a parent without children goes, because its joined word is null. A filter
# over the relation gives a parent once for each child that matches.
# Meets us: who has no row of some kind is asked by NOT EXISTS or by a subquery of ids.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check tortoise-orm==1.1.9 aiosqlite==0.22.1
venv/bin/python - <<'PYTHON' | tee seen
import asyncio
from tortoise import Tortoise, fields
from tortoise.models import Model

class Parent(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=9)

class Child(Model):
    id = fields.IntField(primary_key=True)
    parent = fields.ForeignKeyField("models.Parent", related_name="children")
    word = fields.CharField(max_length=9)

async def names(rows):
    return [row.name for row in await rows.order_by("id")]

async def main():
    await Tortoise.init(db_url="sqlite://:memory:", modules={"models": ["__main__"]})
    await Tortoise.generate_schemas()
    for name, words in (("both", "xy"), ("only y", "y"), ("none", "")):
        parent = await Parent.create(name=name)
        for word in words:
            await Child.create(parent=parent, word=word)
    print("without x:", await names(Parent.exclude(children__word="x")))
    print("with x or y:", await names(Parent.filter(children__word__in=["x", "y"])))
    await Tortoise.close_connections()

asyncio.run(main())
PYTHON
diff seen - <<'SEEN'
without x: ['both', 'only y']
with x or y: ['both', 'both', 'only y']
SEEN
echo "as described"
