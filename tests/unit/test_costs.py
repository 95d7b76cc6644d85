"""A short document can ask for a lot: its cost is counted before it runs."""

from typing import Any

import pytest
from graphql import execute_sync, get_introspection_query, parse, validate

from api import build_schema
from execution.costs import (
    ALIAS_MAX_CHARS,
    NAME_MAX_CHARS,
    CostLimit,
    IntrospectionLimit,
    NameLimit,
)
from execution.introspection import Introspection
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
    return f"mutation {{ {aliases(f'{field} {{ __typename }}', number)} }}"


def aliases(selection: str, number: int) -> str:
    return " ".join(f"a{n}: {selection}" for n in range(number))


def by_warnings(number: int, wanted: str, selection: str = "nodes { id }") -> str:
    span = 'from: "2026-03-01T00:00:00Z", to: "2026-03-31T00:00:00Z"'
    asked = f"sessions(filter: {{{span}, hasWarnings: {wanted}}}, first: 1) {{ {selection} }}"
    return f"query($w: Boolean) {{ {aliases(asked, number)} }}"


def many_searches(argument: str, variables: str = "") -> str:
    return f"query {variables} {{ {aliases(f'users({argument}, first: 0) {{ __typename }}', 60)} }}"


FIELDS = "fields { name args { name type { name inputFields { name } } } type { fields { name } } }"


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
        get_introspection_query(input_value_deprecation=True, schema_description=True),
        "{ sessions(first: 100) { nodes { warnings { code session { id } user { id } } } } }",
        "query($id: [ID!]!) { nodes(ids: $id) { id ... on User { displayName role } } }",
        "query($f: UserFilter) { users(filter: $f, first: 100) { nodes { id displayName } } }",
        '{ sessions(filter: {search: "a b", localDate: "2026-03-02"}, first: 100) '
        "{ totalCount nodes { id title attendances(first: 0) { totalCount } } } }",
        '{ __type(name: "Session") { ...T } } fragment T on __Type { fields { name ...N } } '
        "fragment N on __Field { type { name ofType { name } } }",
        by_warnings(20, "true"),
        by_warnings(10, "false", "totalCount nodes { id }"),
        f"query($f: UserFilter) {{ {aliases('users(filter: $f, first: 0) { __typename }', 45)} }}",
    ],
)
def test_usual_documents_are_within_the_limits(document: str) -> None:
    assert refusals(document) == []


@pytest.mark.no_cover  # tracing makes it five times as slow
@pytest.mark.parametrize(
    "document",
    [
        family(3),
        family(50),
        "{ sessions { nodes { attendances { nodes { session { attendances { nodes { session { "
        "attendances { nodes { id } } } } } } } } } } }",
        "query($n: Int) { sessions(first: $n) { nodes { attendances(first: $n) { nodes { "
        "user { attendanceHistory(first: $n) { nodes { id } } } } } } } }",
        # Ten sessions with twenty warnings each, and again, and again: a list of ten would pass.
        "{ sessions(first: 10) { nodes { warnings { session { warnings { session { warnings { "
        "code } } } } } } } }",
        many('signIn(email: "a", password: "b")', 12),
        many("createMeetingToken(input: {sessionId: 1})", 20),
        many("endMeeting(sessionId: 1)", 20),
        many("createMeeting(input: {sessionId: 1})", 100),
        "{ viewer { ...A } } fragment A on User { ...B ...B } fragment B on User { ...A id }",
        f"{{ __schema {{ {aliases(f'types {{ {FIELDS} }}', 20)} }} }}",
        f"query($t: String!) {{ __type(name: $t) {{ {aliases(FIELDS, 99)} }} }}",
        "{ __schema { types { ...A } } } fragment A on __Type { ...A name }",
        "query($id: [ID!]!) { nodes(ids: $id) { ... on User { attendanceHistory(first: 100) { "
        "nodes { id firstJoinedAt lastLeftAt presence status totalSeconds } } } } }",
        *(
            f"{{ z: users(first: {first}) {skip} {{ nodes {{ id }} }} "
            f"__schema {{ {aliases(f'types {{ {FIELDS} }}', 20)} }} }}"
            for first in ("-2000000000", "-" + "9" * 5000, "9" * 5000)
            for skip in ("", "@skip(if: true)")
        ),
        many_searches('filter: {search: "a b"}'),
        many_searches("filter: $f", "($f: UserFilter)"),
        *(by_warnings(30, wanted) for wanted in ("true", "false", "$w")),
        by_warnings(15, "true", "totalCount"),
        "query($f: SessionFilter) { "
        f"{aliases('sessions(filter: $f, first: 0) { __typename }', 20)} }}",
        f"{{ {aliases('sessions(first: 0) { totalCount }', 100)} }}",
        f"{{ {aliases('users(first: 0) { ...N }', 100)} }} "
        "fragment N on UserConnection { totalCount }",
        "{ users(first: 100) { nodes { a: attendanceHistory { totalCount nodes { session { "
        "attendances(first: 0) { totalCount } } } } } } }",
    ],
)
def test_documents_that_cost_too_much_are_refused_at_once(document: str) -> None:
    assert refusals(document) == ["LIMIT_EXCEEDED"]


@pytest.mark.parametrize(
    "document", [get_introspection_query(), f"{{ __schema {{ types {{ {FIELDS} }} }} }}"]
)
def test_introspection_is_counted_as_it_is_answered(document: str) -> None:
    answered = execute_sync(SCHEMA, parse(document)).data
    parts: list[Any] = list(parse(document).definitions)
    fragments = {part.name.value: part for part in parts[1:]}
    (root,) = parts[0].selection_set.selections
    counting = Introspection(SCHEMA, lambda name: fragments.get(name), 10**6)
    assert counting.count(root) == fields_in(answered)


def fields_in(answer: object) -> int:
    if isinstance(answer, dict):
        return len(answer) + sum(map(fields_in, answer.values()))
    return sum(map(fields_in, answer)) if isinstance(answer, list) else 0


def refused(document: str) -> list[str]:
    errors = validate(SCHEMA, parse(document), [NameLimit, IntrospectionLimit])
    return [str((error.extensions or {})["code"]) for error in errors]


def test_names_and_aliases_have_a_length() -> None:
    alias, name = "a" * ALIAS_MAX_CHARS, "n" * NAME_MAX_CHARS
    fits = f"query {name} {{ {alias}: viewer {{ ...{name} }} }} fragment {name} on User {{ id }}"
    assert refused(fits) == []
    assert refused(f"{{ viewer {{ {alias}b: id }} }}") == ["LIMIT_EXCEEDED"]
    assert refused(f"query {name}m {{ viewer {{ id }} }}") == ["LIMIT_EXCEEDED"]


def test_a_document_asks_for_the_schema_once() -> None:
    assert refused("{ __schema { types { name } } viewer { __typename } }") == []
    for two in (
        "a: __schema { __typename } b: __schema { __typename }",
        "__schema { __typename } ...A",
    ):
        fragment = 'fragment A on Query { __type(name: "User") { name } }' * ("..." in two)
        assert refused(f"{{ {two} }} {fragment}") == ["LIMIT_EXCEEDED"]
