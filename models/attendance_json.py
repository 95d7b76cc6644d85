"""The stored form of attendance: a result as its table's row, a state as an event's payload."""

from typing import Any

from pydantic import TypeAdapter

from domain.attendance.fold import Result
from domain.attendance.state import AttendanceState

_RESULT = TypeAdapter(Result)
_STATE = TypeAdapter(AttendanceState)


def result_to_json(result: Result) -> dict[str, Any]:
    stored: dict[str, Any] = _RESULT.dump_python(result, mode="json")
    return stored


def result_from_json(stored: dict[str, Any]) -> Result:
    """Read a stored result; a field that is newer than the row has its default."""
    return _RESULT.validate_python(_known(stored))


def state_to_json(state: AttendanceState) -> dict[str, Any]:
    """Flatten it: the result's fields stand beside its own. The reconciler's sids are left out."""
    told: dict[str, Any] = _STATE.dump_python(state, mode="json")
    told |= told.pop("result")
    del told["open_sids"]
    return told


def state_from_json(told: dict[str, Any]) -> AttendanceState:
    known = _known(told)
    state: AttendanceState = _STATE.validator.validate_python(known | {"result": known})
    return state


def _known(stored: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in stored.items() if value is not None}
    if "arrived_ms" not in stored:  # stored before there was such a column
        known["arrived_ms"] = known.get("first_joined_ms")
    return known
