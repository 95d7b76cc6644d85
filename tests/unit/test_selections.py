"""A compiled selection writes what graphql-core answers, or leaves the event to it."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.fanout.document import DOCUMENT
from domain.access import UserRole
from domain.attendance.fold import Presence, Result
from domain.attendance.state import AttendanceState
from execution.selections import NotCompiledError
from tests.support.compiled import changed, changes, compile_text, executed, person, removed

SARA = AttendanceState(
    participant_id=7,
    session_id=3,
    user_id=12,
    role=UserRole.STUDENT,
    is_expected=True,
    result=Result(presence=Presence.IN_MEETING, join_count=1),
)
GONE = replace(SARA, participant_id=8, user_id=13)
EVENT = changes(changed(SARA), removed(GONE), roster=(SARA,), people={12: person()})


def watching(fields: str, variables: str = "") -> str:
    return f"subscription({variables}) {{ sessionPresence(sessionId: 1) {{ {fields} }} }}".replace(
        "()", ""
    )


def test_the_answer_is_written_field_by_field() -> None:
    write = compile_text(watching("__typename version ... on PresenceChanges { fromVersion }"))
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
    text = watching(fields, "$all: Boolean!" if variables else "")
    assert compile_text(text, variables)(EVENT) == executed(text, EVENT, variables)


def test_the_document_of_the_benchmark_is_compiled() -> None:
    assert compile_text(DOCUMENT)(EVENT) == executed(DOCUMENT, EVENT, {"id": "U2Vzc2lvbjox"})


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
        compile_text(watching(fields))(EVENT)


def test_a_type_that_is_not_compiled_leaves_the_other_types_of_its_interface() -> None:
    text = "version ... on PresenceSnapshot { session { teacher { id } } }"
    assert compile_text(watching(text))(EVENT) == b'{"data":{"sessionPresence":{"version":7}}}'


def test_a_person_who_is_not_at_hand_is_left_to_graphql_core() -> None:
    write = compile_text(watching("... on PresenceChanges { changes { user { id } } }"))
    with pytest.raises(NotCompiledError):
        write(changes(changed(SARA), people={}))
