"""A state is stored flat and read back, and keeps every field of its result."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from domain.access import UserRole
from domain.attendance.fold import Result
from domain.attendance.state import AttendanceState
from models.attendance_json import result_from_json, result_to_json, state_from_json, state_to_json
from tests.support.attendance_lines import result
from tests.support.filled import filled

RESULT = filled(Result)
STATE = AttendanceState(
    participant_id=1,
    session_id=2,
    user_id=3,
    role=UserRole.PARENT,
    is_expected=True,
    is_barred=True,
    is_final=True,
    calculated_ms=4,
    result=RESULT,
)
NAMES = [field.name for field in fields(Result)]

# The JSON of the version whose states had the result's fields at top level.
STORED: dict[str, Any] = {
    "participant_id": 1,
    "session_id": 2,
    "user_id": 3,
    "role": "STUDENT",
    "is_expected": True,
    "is_barred": False,
    "presence": "LEFT",
    "is_final": False,
    "status": "LATE",
    "first_joined_ms": 1795233600000,
    "last_left_ms": 1795237200000,
    "closed_ms": 3600000,
    "joined_since_ms": None,
    "join_count": 1,
    "leave_count": 1,
    "confidence": "CONFIRMED",
    "calculated_ms": None,
    "cycles": [
        {
            "joined_ms": 1795233600000,
            "left_ms": 1795237200000,
            "opened_by": "JOINED",
            "closed_by": "LEFT",
            "confidence": "CONFIRMED",
        }
    ],
    "override": {"status": "LATE", "note": "I saw it.", "by_id": 7, "at_ms": 1795233605000},
}


def stored(raw: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(raw))
    return found


def test_without_a_line_every_field_has_its_default_and_here_none_has() -> None:
    assert result() == Result()
    assert [name for name in NAMES if getattr(RESULT, name) == getattr(Result(), name)] == []


def test_every_field_of_a_result_is_stored_and_read_back() -> None:
    assert result_from_json(stored(result_to_json(RESULT))) == RESULT


def test_every_field_of_a_state_is_told_flat_but_for_what_the_looks_ask_after() -> None:
    own = {field.name for field in fields(AttendanceState)}
    told = stored(state_to_json(STATE))
    assert told.keys() == own.union(NAMES) - {"result", "open_sids"}
    assert state_from_json(told) == replace(STATE, result=replace(RESULT, open_sids=()))


@pytest.mark.parametrize("name", NAMES)
def test_a_field_that_is_newer_than_what_was_told_has_its_default(name: str) -> None:
    told = stored(state_to_json(STATE))
    told.pop(name, None)
    expected = replace(RESULT, open_sids=())
    # An arrival that was not told yet is the first join.
    first_ms = RESULT.first_joined_ms
    default: Any = first_ms if name == "arrived_ms" else getattr(Result(), name)
    expected = replace(expected, **{name: default})
    assert state_from_json(told).result == expected


def test_a_state_stored_by_an_earlier_version_is_read_unchanged() -> None:
    told = stored(state_to_json(state_from_json(STORED)))
    assert {name: told[name] for name in STORED} == STORED
