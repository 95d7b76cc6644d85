"""The reasons that keep a person out of a session, and which of them comes first."""

from typing import Any

import pytest

from domain.access import Audience
from domain.errors import BlockedDayError, ErrorCode
from domain.joining import join_refusal
from domain.standing import Standing
from domain.status import SessionStatus

THEIRS = Standing(takes_part=True)
CASES: list[tuple[SessionStatus, Standing, dict[str, Any], ErrorCode | None]] = [
    (SessionStatus.READY, THEIRS, {}, None),
    (SessionStatus.ONGOING, Standing(manages=True), {}, None),
    (SessionStatus.READY, Standing(), {}, ErrorCode.FORBIDDEN),
    (SessionStatus.READY, Standing(takes_part=True, is_barred=True), {}, ErrorCode.BARRED),
    (SessionStatus.SCHEDULED, THEIRS, {}, ErrorCode.NOT_JOINABLE_YET),
    (SessionStatus.COMPLETED, THEIRS, {}, ErrorCode.SESSION_OVER),
    (SessionStatus.READY, THEIRS, {"is_academy_active": False}, ErrorCode.ACADEMY_INACTIVE),
    (SessionStatus.READY, THEIRS, {"is_full": True}, ErrorCode.ROOM_FULL),
    (
        SessionStatus.READY,
        THEIRS,
        {"no_meeting": BlockedDayError("Not today."), "is_full": True},
        ErrorCode.BLOCKED_DAY,
    ),
]


@pytest.mark.parametrize(("status", "standing", "facts", "code"), CASES)
def test_the_first_reason_is_told(
    status: SessionStatus, standing: Standing, facts: dict[str, Any], code: ErrorCode | None
) -> None:
    refusal = join_refusal(status, standing, **{"is_academy_active": True} | facts)
    assert (refusal and refusal.code) == code


@pytest.mark.parametrize(
    ("standing", "audience"),
    [
        (Standing(), None),
        (THEIRS, Audience.PARTICIPANT),
        (Standing(manages=True, takes_part=True), Audience.STAFF),
        (Standing(manages=True, is_barred=True), None),
    ],
)
def test_a_person_watches_as_what_they_are(standing: Standing, audience: Audience | None) -> None:
    assert standing.audience is audience
