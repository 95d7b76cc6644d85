"""An academy's own system that upserts people and groups."""

from typing import Any

from models import User
from tests.support.asking import Answer, Asker

USERS = """
mutation ($users: [UserInput!]!) {
  upsertUsers(users: $users) {
    users { id externalId firstName lastName email role isActive guardians { externalId } }
    errors { code field }
  }
}
"""
GROUPS = """
mutation ($groups: [GroupInput!]!) {
  upsertGroups(groups: $groups) {
    groups {
      id externalId name kind teacher { externalId }
      members { nodes { user { externalId } via activeFrom activeUntil } }
    }
    errors { code field }
  }
}
"""


async def upsert_users(asker: Asker, as_: User, *users: dict[str, Any]) -> Answer:
    return await asker.ask(USERS, as_, users=list(users))


async def upsert_groups(asker: Asker, as_: User, *groups: dict[str, Any]) -> Answer:
    return await asker.ask(GROUPS, as_, groups=list(groups))


def person(external_id: str, **values: Any) -> dict[str, Any]:
    named = {"firstName": "Sara", "lastName": "Ali", "role": "STUDENT"}
    return {"externalId": external_id} | named | values


def refusals(answer: Answer) -> list[tuple[str, list[str] | None]]:
    """Code and path of each refusal of the one mutation, in the order of its input."""
    assert answer["errors"] == [], answer
    (payload,) = answer["data"].values()
    found = [(error["code"], error["field"]) for error in payload["errors"]]
    return sorted(found, key=lambda refusal: [_place(part) for part in refusal[1] or ()])


def _place(part: str) -> tuple[int, str]:
    return (int(part), "") if part.isdecimal() else (0, part)
