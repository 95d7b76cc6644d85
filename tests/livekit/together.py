"""Scenarios that mostly wait run side by side; each is still a test with its own result."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.livekit.campus import Campus
from tests.livekit.school import School, open_school

Scenario = Callable[[School], Awaitable[None]]
Started = dict[Scenario, asyncio.Task[None]]
Test = Callable[[Started], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario and the shape of its school; scenarios with the same shape share a school."""

    scenario: Scenario
    students: tuple[str, ...]
    policy: tuple[tuple[str, Any], ...]


def together(*students: str, **policy: Any) -> Callable[[Scenario], Test]:
    """A scenario with sessions of its own in a school like this, run by the fixture `started`."""

    def decorate(scenario: Scenario) -> Test:
        async def test(started: Started) -> None:
            await started[scenario]

        test.__name__ = test.__qualname__ = scenario.__name__
        test.__module__ = scenario.__module__
        test.plan = Plan(scenario, students, tuple(policy.items()))  # type: ignore[attr-defined]
        return test

    return decorate


async def start_all(campus: Campus, plans: list[Plan]) -> Started:
    """Open the schools, and only then start: signing in keeps a machine busy."""
    wanted = list(dict.fromkeys((plan.students, plan.policy) for plan in plans))
    schools = await asyncio.gather(
        *(
            open_school(campus, f"school-{n}", *students, **dict(policy))
            for n, (students, policy) in enumerate(wanted)
        )
    )
    of = dict(zip(wanted, schools, strict=True))
    return {
        plan.scenario: asyncio.ensure_future(plan.scenario(of[plan.students, plan.policy]))
        for plan in plans
    }
