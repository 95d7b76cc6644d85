from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from domain.search import words_of_group, words_of_session, words_of_user
from models.migrations._sql import Sql

# The rows that have words: a statement that reads them by id, and what makes the words of one.
READ = "SELECT id, academy_id, {columns} FROM {table} WHERE id > {after} ORDER BY id LIMIT 500"
WORDED: dict[str, tuple[str, Any]] = {
    "users": ("first_name, last_name, email, external_id", words_of_user),
    "groups": ("name, external_id", words_of_group),
    "sessions": ("title, subject", words_of_session),
}
INSERT = "INSERT INTO search_words (academy_id, kind, word, subject) VALUES ({places})"
PLACES = {"sqlite": "?, ?, ?, ?", "postgres": "$1, $2, $3, $4"}


async def write_words(_: Any, editor: Any) -> None:
    """Write the words of all rows that are there, as the actions do for new ones."""
    insert = INSERT.format(places=PLACES[editor.DIALECT])
    for table, (columns, words_of) in WORDED.items():
        after = 0
        while rows := await editor.client.execute_query_dict(
            READ.format(columns=columns, table=table, after=after)
        ):
            words = [
                [row["academy_id"] or 0, kind.value, word, row["id"]]
                for row in rows
                for kind, word in sorted(words_of(*(row[name] for name in columns.split(", "))))
            ]
            if words:
                await editor.client.execute_many(insert, words)
            after = rows[-1]["id"]


class Migration(migrations.Migration):
    dependencies = [("models", "0005_cursor_marks")]

    initial = False

    operations = [
        ops.CreateModel(
            name="SearchWord",
            fields=[
                (
                    "id",
                    fields.BigIntField(
                        generated=True, primary_key=True, unique=True, db_index=True
                    ),
                ),
                ("academy_id", fields.IntField()),
                ("kind", fields.CharField(max_length=12)),
                ("word", fields.CharField(max_length=100)),
                ("subject", fields.IntField()),
            ],
            options={
                "table": "search_words",
                "app": "models",
                "unique_together": (("kind", "subject", "word"),),
            },
            bases=["Model"],
        ),
        Sql(
            # SQLite compares by bytes; PostgreSQL would by the language, which no range follows.
            postgres=['ALTER TABLE search_words ALTER COLUMN word TYPE varchar(100) COLLATE "C"'],
        ),
        Sql(
            "CREATE INDEX search_words_begin ON search_words (academy_id, kind, word, subject)",
            "CREATE INDEX sessions_student ON sessions (student_id) WHERE student_id IS NOT NULL",
        ),
        ops.RunPython(write_words),
    ]
