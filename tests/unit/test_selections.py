"""A compiled selection writes what graphql-core answers, or leaves the event to it."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import DocumentNode

from benchmarks.fanout.document import DOCUMENT
from domain.access import UserRole
from domain.attendance.fold import Presence, Result
from domain.attendance.state import AttendanceState
from domain.cursors import Place
from execution.selections import NotCompiledError
from schema.types.presence import PresenceChanges
from tests.support.compiled import compile_document, executed, read
from tests.support.watched import NOW, changed, changes, person, removed, session

SARA = AttendanceState(
    participant_id=7,
    session_id=3,
    user_id=12,
    role=UserRole.STUDENT,
    is_expected=True,
    result=Result(presence=Presence.IN_MEETING, join_count=1),
)
GONE = replace(SARA, participant_id=8, user_id=13)
EVENT = changes([changed(SARA), removed(GONE)], [SARA], {12: person()})


def watching(fields: str, variables: str = "") -> DocumentNode:
    declared = f"({variables})" if variables else ""
    return read(f"subscription {declared} {{ sessionPresence(sessionId: 1) {{ {fields} }} }}")


def test_the_answer_is_written_field_by_field() -> None:
    write = compile_document(watching("__typename version ... on PresenceChanges { fromVersion }"))
    answer = b'{"data":{"sessionPresence":'
    answer += b'{"__typename":"PresenceChanges","version":7,"fromVersion":6}}}'
    assert write(EVENT) == answer


@pytest.mark.parametrize(
    ("fields", "variables"),
    [
        (
            "... on PresenceChanges { changes { user { id displayName } role override { note } } }",
            {},
        ),
        ("... on PresenceChanges { removedIds statistics { inMeeting averagePercentage } }", {}),
        ("version ... on PresenceEvent { number: version cursor } cursor", {}),
        ("... on PresenceChanges { changes { id } version changes { role id } }", {}),
        ("version @include(if: $all) cursor @skip(if: $all)", {"all": True}),
        ("version @include(if: $all) cursor @skip(if: $all)", {"all": False}),
        ("version @skip(if: true) asOf @include(if: true) @skip(if: false)", {}),
        ("version ... on PresenceChanges @include(if: $all) { cursor }", {"all": False}),
    ],
)
def test_it_is_what_graphql_core_answers(fields: str, variables: dict[str, Any]) -> None:
    document = watching(fields, "$all: Boolean!" if variables else "")
    assert compile_document(document, variables)(EVENT) == executed(document, EVENT, variables)


def test_the_document_of_the_benchmark_is_compiled() -> None:
    document = read(DOCUMENT)
    assert compile_document(document)(EVENT) == executed(document, EVENT, {"id": "U2Vzc2lvbjox"})


@pytest.mark.parametrize(
    "fields",
    [
        "... on PresenceChanges { changes { session { id } } }",  # its resolver waits
        "... on PresenceChanges { changes { events(first: 1) { edges { cursor } } } }",
        "... on PresenceChanges { changes { user { externalId } } }",  # its resolver asks for more
    ],
)
def test_a_field_that_waits_is_not_compiled(fields: str) -> None:
    with pytest.raises(NotCompiledError):
        compile_document(watching(fields))(EVENT)


def test_a_type_that_is_not_compiled_leaves_the_other_types_of_its_interface() -> None:
    text = "version ... on PresenceSnapshot { session { teacher { id } } }"
    assert compile_document(watching(text))(EVENT) == b'{"data":{"sessionPresence":{"version":7}}}'


def test_a_person_who_is_not_at_hand_is_left_to_graphql_core() -> None:
    write = compile_document(watching("... on PresenceChanges { changes { user { id } } }"))
    with pytest.raises(NotCompiledError):
        write(changes([changed(SARA)], [SARA], {}))


def in_changes(fields: str) -> DocumentNode:
    return watching(f"... on PresenceChanges {{ changes {{ {fields} }} }}")


def test_an_exception_in_a_property_is_left_to_graphql_core() -> None:
    event = changes([changed(SARA)], [SARA], {}, session(attendance_policy={"unknown": 1}))
    assert compile_document(in_changes("joinCount"))(event) == executed(
        in_changes("joinCount"), event
    )
    with pytest.raises(NotCompiledError):
        compile_document(in_changes("totalSeconds"))(event)
    assert executed(in_changes("totalSeconds"), event) is None


@pytest.mark.parametrize(
    ("state", "name", "field"),
    [
        (replace(SARA, result=Result(join_count=2**31)), "Sara", "joinCount"),  # no Int
        (SARA, None, "user { firstName }"),  # null where the schema has none
        (SARA, "\ud800", "user { firstName }"),  # half a character, which no JSON holds
        (SARA, 7, "user { firstName }"),  # graphql-core makes a text of it
    ],
)
def test_a_value_that_its_scalar_does_not_take_is_left_to_graphql_core(
    state: AttendanceState, name: Any, field: str
) -> None:
    sara = person()
    sara.first_name = name
    event = changes([changed(state)], [], {12: sara})
    with pytest.raises(NotCompiledError):
        compile_document(in_changes(field))(event)


def test_an_answer_that_is_too_long_is_left_to_graphql_core() -> None:
    long = {12: person(first_name="n" * 1_000_000)}
    states = [replace(SARA, participant_id=number) for number in range(9)]
    write = compile_document(in_changes("user { firstName }"))
    assert len(write(changes([*map(changed, states[:8])], [], long))) > 8_000_000
    with pytest.raises(NotCompiledError):
        write(changes([*map(changed, states)], [], long))


def test_a_document_of_very_many_fields_is_left_to_graphql_core() -> None:
    fields = " ".join(f"v{number}: version" for number in range(600))
    with pytest.raises(NotCompiledError):
        compile_document(watching(fields))


def test_an_event_stays_what_it_was_when_it_was_made() -> None:
    roster, people = {7: SARA}, {12: person()}
    event = PresenceChanges.of(
        [changed(SARA)], 6, Place(7, 99), roster.values(), session(), NOW, people
    )
    write = compile_document(
        watching(
            "... on PresenceChanges { statistics { participants inMeeting } "
            "changes { presence user { displayName } } }"
        )
    )
    before = write(event)
    roster.clear()
    people[12] = person(first_name="Huda")
    assert write(event) == before
