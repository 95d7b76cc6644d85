#!/usr/bin/env bash
# Tortoise ORM 1.1.9: four ways to say "not a" give two different answers where a value is null.
#
# Guess: `exclude(word="a")`, `filter(~Q(word="a"))`, `filter(word__not="a")` and
# `filter(word__not_in=["a"])` select the same rows; Django's exclude keeps rows with null.
# Seen: the two lookups add OR IS NULL and keep the row without a word; exclude and ~Q negate the
# bare comparison, which is unknown for null, and drop it.
# Meets us: models use nullable columns for "not yet"; we exclude by columns that are never null.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check tortoise-orm==1.1.9 aiosqlite==0.22.1
venv/bin/python - <<'PYTHON' | tee seen
import asyncio
from tortoise import Tortoise, fields
from tortoise.expressions import Q
from tortoise.models import Model

class Row(Model):
    id = fields.IntField(primary_key=True)
    word = fields.CharField(max_length=9, null=True)

async def main():
    await Tortoise.init(db_url="sqlite://:memory:", modules={"models": ["__main__"]})
    await Tortoise.generate_schemas()
    for word in ("a", "b", None):
        await Row.create(word=word)
    asked = {
        "exclude(word=a)": Row.exclude(word="a"),
        "filter(~Q(word=a))": Row.filter(~Q(word="a")),
        "filter(word__not=a)": Row.filter(word__not="a"),
        "filter(word__not_in=[a])": Row.filter(word__not_in=["a"]),
    }
    for how, rows in asked.items():
        print(how, [row.word for row in await rows.order_by("id")])
    await Tortoise.close_connections()

asyncio.run(main())
PYTHON
diff seen - <<'SEEN'
exclude(word=a) ['b']
filter(~Q(word=a)) ['b']
filter(word__not=a) ['b', None]
filter(word__not_in=[a]) ['b', None]
SEEN
echo "as described"
