"""The system is healthy unless something is late, silent or gone; one room's trouble is none."""

from dataclasses import replace
from typing import Any

import pytest

from domain.system import ClockStatus, Component, SystemState, WebhookStatus
from tests.support import make

THERE, GONE = Component(True, ""), Component(False, "gone")
WELL = SystemState(
    as_of=make.ELEVEN,
    clock=ClockStatus(
        is_running=True,
        last_beat_at=make.ELEVEN,
        skew_ms=0,
        overdue_sessions=0,
        oldest_overdue_seconds=0,
        overdue_work=0,
        untried_work=0,
        failed_work=0,
    ),
    webhooks=WebhookStatus(
        last_received_at=None,
        received_last_hour=0,
        rejected_last_hour=0,
        poison_last_hour=0,
        is_silent=False,
    ),
    database=THERE,
    message_bus=THERE,
    task_queue=THERE,
    livekit=THERE,
)


def with_clock(**changed: Any) -> SystemState:
    return replace(WELL, clock=replace(WELL.clock, **changed))


@pytest.mark.parametrize("changed", [{}, {"overdue_work": 3, "failed_work": 2}])
def test_work_that_fails_does_not_make_the_system_unhealthy(
    changed: dict[str, int],
) -> None:
    assert with_clock(**changed).is_healthy


@pytest.mark.parametrize(
    "changed",
    [{"is_running": False}, {"overdue_sessions": 1}, {"overdue_work": 1, "untried_work": 1}],
)
def test_overdue_sessions_or_untried_work_are_unhealthy(changed: dict[str, Any]) -> None:
    assert not with_clock(**changed).is_healthy


@pytest.mark.parametrize("part", ["database", "message_bus", "task_queue", "livekit"])
def test_a_part_that_is_gone_is_unhealthy(part: str) -> None:
    changed: dict[str, Any] = {part: GONE}
    assert not replace(WELL, **changed).is_healthy


def test_silent_webhooks_are_unhealthy() -> None:
    assert not replace(WELL, webhooks=replace(WELL.webhooks, is_silent=True)).is_healthy
