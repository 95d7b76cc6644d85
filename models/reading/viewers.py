"""The people for whom access tokens speak, read for many tokens at once."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.access import UserRole, Viewer
from domain.errors import UnauthenticatedError
from models.database import sql
from models.database.connection import dialect

# Written out: models of rows with 14 columns cost more than all the rest of a connection's reading.
PEOPLE = """
SELECT id, role, academy_id, rights_version FROM users
WHERE id IN ({places}) AND is_active AND NOT is_service
"""
FAMILIES = """
SELECT DISTINCT family, user_id FROM refresh_tokens
WHERE family IN ({places}) AND revoked_at IS NULL
"""
# The database finds them among ten thousand people: to read a row of each costs far more.
CHANGED = """
SELECT users.id FROM {each}($1) AS known JOIN users ON users.id = CAST(known.key AS BIGINT)
WHERE users.rights_version <> CAST(known.value AS BIGINT)
"""
EACH = {"sqlite": "json_each", "postgres": "json_each_text"}


@dataclass(frozen=True, slots=True)
class Claims:
    """A verified token: whom it names, until when, and the sign-in that it came with, if any."""

    user_id: int
    expires_at: datetime
    family: str | None


async def read_rights_versions(user_ids: Collection[int]) -> dict[int, int]:
    """Return by person how often a right of theirs may have been lost so far."""
    statement = f"SELECT id, rights_version FROM users WHERE id IN ({sql.places(len(user_ids))})"
    rows = await sql.query(statement, *user_ids)
    return {row["id"]: row["rights_version"] for row in rows}


async def read_changed_rights(known: Mapping[int, int]) -> set[int]:
    """Return those whose rights version is another one than is known of them."""
    rows = await sql.query(CHANGED.format(each=EACH[dialect()]), json.dumps(known))
    return {row["id"] for row in rows}


async def read_viewers(asked: Sequence[Claims]) -> list[Viewer | Exception]:
    """Return the viewer of each token, or the UnauthenticatedError that says why there is none."""
    ids = sorted({one.user_id for one in asked})
    rows = await sql.query(PEOPLE.format(places=sql.places(len(ids))), *ids)
    people = {row["id"]: row for row in rows}
    # Read after the people: an end of a sign-in counts the person's `rights_version` up, and must
    # not be missed by who gets the newer number.
    named = sorted({one.family for one in asked if one.family is not None})
    statement = FAMILIES.format(places=sql.places(len(named)))
    found = await sql.query(statement, *named) if named else []
    signed_in = {(row["user_id"], row["family"]) for row in found}
    answers: list[Viewer | Exception] = []
    for one in asked:
        row = people.get(one.user_id)
        if row is None:
            answers.append(UnauthenticatedError("The token speaks for nobody."))
        elif one.family is not None and (one.user_id, one.family) not in signed_in:
            answers.append(UnauthenticatedError("This sign-in has ended."))
        else:
            role, version = UserRole(row["role"]), row["rights_version"]
            told = (one.user_id, role, row["academy_id"], one.expires_at, one.family)
            answers.append(Viewer(*told, rights_version=version))
    return answers
