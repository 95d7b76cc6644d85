"""A short document can ask for a lot: what it can ask for is counted before it runs."""

import pytest
from graphql import get_introspection_query, parse, validate

from resolvers.costs import CostLimit
from schema.root import build_schema
from tests.support.streams import EVENTS, PRESENCE

SCHEMA = build_schema()._schema


def refusals(document: str) -> list[str]:
    errors = validate(SCHEMA, parse(document), [CostLimit])
    return [str((error.extensions or {})["code"]) for error in errors]


def family(generations: int) -> str:
    selection = "id"
    for _ in range(generations):
        selection = f"children {{ guardians {{ {selection} }} }}"
    return f"{{ viewer {{ {selection} }} }}"


def many(field: str, number: int) -> str:
    return f"mutation {{ {' '.join(f'a{n}: {field} {{ __typename }}' for n in range(number))} }}"


@pytest.mark.parametrize(
    "document",
    [
        get_introspection_query(),
        PRESENCE,
        EVENTS,
        family(2),
        "{ sessions(first: 100) { nodes { id title attendances(first: 30) { nodes { id user { id "
        "displayName } } } } } }",
        'mutation { signIn(email: "a", password: "b") { accessToken } }',
        many("createMeetingToken(input: {sessionId: 1})", 10),
        many("createMeeting(input: {sessionId: 1})", 50),
        "{ sessions(first: 100) { nodes { meeting { room { name isActive } } } } }",
    ],
)
def test_what_clients_ask_for_is_given(document: str) -> None:
    assert refusals(document) == []


@pytest.mark.parametrize(
    "document",
    [
        family(3),
        family(50),
        "{ sessions { nodes { attendances { nodes { session { attendances { nodes { session { "
        "attendances { nodes { id } } } } } } } } } } }",
        "query($n: Int) { sessions(first: $n) { nodes { attendances(first: $n) { nodes { "
        "user { attendanceHistory(first: $n) { nodes { id } } } } } } } }",
        many('signIn(email: "a", password: "b")', 12),
        many("createMeetingToken(input: {sessionId: 1})", 20),
        many("endMeeting(sessionId: 1)", 20),
        many("createMeeting(input: {sessionId: 1})", 100),
        "{ viewer { ...A } } fragment A on User { ...B ...B } fragment B on User { ...A id }",
    ],
)
def test_what_nobody_could_answer_is_refused_at_once(document: str) -> None:
    assert refusals(document) == ["LIMIT_EXCEEDED"]
