"""Simulates the demo's sessions: people come and go while one runs, then the next starts."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from random import Random

import clock
from background import cancel
from cli.webhook_trial import guest_of
from demo import academy as demo
from demo.academy import Demo
from demo.crowd import Ending, PlannedStay, planned_stays
from gateways.livekit_simulation import Guest, Sender, SimulatedRoom
from models import Session, User

logger = logging.getLogger("halaqa.simulation")

CHECK_EVERY_S = 1.0
BETWEEN_SESSIONS_S = 3.0
NOTICED_AFTER_S = 21.0  # the time that LiveKit takes to see that somebody was cut off
CUT_OFF, LEFT, REPLACED = "CONNECTION_TIMEOUT", "CLIENT_INITIATED", "DUPLICATE_IDENTITY"


async def simulate_sessions(
    academy: Demo, sender: Sender, on_start: Callable[[Session], None]
) -> None:
    """Simulate one session after another until cancelled. `on_start` is called with each."""
    while True:
        try:
            session = await demo.running_session(academy, clock.now())
            await demo.coming_session(academy, clock.now())
            on_start(session)
            await _simulate_session(session, academy.comers, sender)
        except Exception:
            logger.exception("simulation in trouble")
        await asyncio.sleep(BETWEEN_SESSIONS_S)


async def _simulate_session(session: Session, comers: list[User], sender: Sender) -> None:
    room = SimulatedRoom(str(session.room_name), sender, clock.now)
    await room.open()
    chance = Random(session.id)  # noqa: S311 - who comes when is no secret
    plans = [
        planned_stays(Random(chance.random()), place)  # noqa: S311
        for place in range(len(comers))
    ]
    people = [
        asyncio.create_task(_come_and_go(room, guest_of(user), plan))
        for user, plan in zip(comers, plans, strict=True)
    ]
    try:
        # Polls, because nothing is published when time passes or another process writes.
        while await demo.is_open(session, clock.now()):  # noqa: ASYNC110
            await asyncio.sleep(CHECK_EVERY_S)
    finally:
        await cancel(people)
    await room.close()


async def _come_and_go(room: SimulatedRoom, guest: Guest, plan: Iterator[PlannedStay]) -> None:
    for planned in plan:
        await asyncio.sleep(planned.after_s)
        stay = await room.join(guest)
        await asyncio.sleep(planned.for_s)
        match planned.ending:
            case Ending.GOES:
                await room.leave(stay, LEFT)
            case Ending.IS_REPLACED:
                await room.leave(stay, REPLACED)
            case Ending.IS_CUT_OFF:
                await asyncio.sleep(NOTICED_AFTER_S)
                await room.leave(stay, CUT_OFF)
