"""Scenarios that mostly wait run side by side; each is still a test with a result of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.livekit.campus import Campus
from tests.livekit.school import School, open_school

Scenario = Callable[[School], Awaitable[None]]
Started = dict[Scenario, asyncio.Task[None]]
Test = Callable[[Started], Awaitable[None]]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A scenario and the school it is given."""

    scenario: Scenario
    students: tuple[str, ...]
    policy: dict[str, Any]


def together(*students: str, **policy: Any) -> Callable[[Scenario], Test]:
    """A scenario in an academy of its own, run by the fixture `started`."""

    def decorate(scenario: Scenario) -> Test:
        async def test(started: Started) -> None:
            await started[scenario]

        test.__name__ = test.__qualname__ = scenario.__name__
        test.__module__ = scenario.__module__
        test.plan = Plan(scenario, students, policy)  # type: ignore[attr-defined]
        return test

    return decorate


async def start_all(campus: Campus, plans: list[Plan]) -> Started:
    """Open the schools, and only then begin: signing in keeps a machine busy."""
    schools = await asyncio.gather(
        *(
            open_school(campus, f"school-{n}", *plan.students, **plan.policy)
            for n, plan in enumerate(plans)
        )
    )
    return {
        plan.scenario: asyncio.ensure_future(plan.scenario(school))
        for plan, school in zip(plans, schools, strict=True)
    }
