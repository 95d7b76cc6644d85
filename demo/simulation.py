"""The demo's class, kept going: while one runs its people come and go, then the next begins."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from random import Random

import clock
from background import cancel
from cli.webhook_trial import guest_of
from demo import academy as demo
from demo.academy import Demo
from demo.crowd import Ending, Visit, visits
from gateways.livekit_simulation import Guest, Sender, SimulatedRoom
from models import Session, User

logger = logging.getLogger("halaqa.simulation")

LOOK_EVERY_S = 1.0
BETWEEN_CLASSES_S = 3.0
NOTICED_AFTER_S = 21.0  # how long LiveKit takes to see that somebody was cut off
CUT_OFF, LEFT, REPLACED = "CONNECTION_TIMEOUT", "CLIENT_INITIATED", "DUPLICATE_IDENTITY"


async def keep_going(academy: Demo, sender: Sender, told: Callable[[Session], None]) -> None:
    """Until cancelled. `told` hears of each class when it begins."""
    while True:
        try:
            session = await demo.class_now(academy, clock.now())
            await demo.session_to_come(academy, clock.now())
            told(session)
            await _hold(session, academy.comers, sender)
        except Exception:
            logger.exception("simulation in trouble")
        await asyncio.sleep(BETWEEN_CLASSES_S)


async def _hold(session: Session, comers: list[User], sender: Sender) -> None:
    room = SimulatedRoom(str(session.room_name), sender, clock.now)
    await room.open()
    chance = Random(session.id)  # noqa: S311 - who comes when is no secret
    async with contextlib.AsyncExitStack() as stack:
        for place, user in enumerate(comers):
            plan = visits(Random(chance.random()), place)  # noqa: S311
            person = asyncio.create_task(_attend(room, guest_of(user), plan))
            stack.push_async_callback(cancel, [person])
        await _until_over(session)
    await room.close()


async def _until_over(session: Session) -> None:
    """Nobody rings for time that passes, nor for what other processes write."""
    while await demo.is_open(session, clock.now()):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_EVERY_S)


async def _attend(room: SimulatedRoom, guest: Guest, plan: Iterator[Visit]) -> None:
    for visit in plan:
        await asyncio.sleep(visit.after_s)
        stay = await room.join(guest)
        await asyncio.sleep(visit.for_s)
        match visit.ending:
            case Ending.GOES:
                await room.leave(stay, LEFT)
            case Ending.IS_REPLACED:
                await room.leave(stay, REPLACED)
            case Ending.IS_CUT_OFF:
                await asyncio.sleep(NOTICED_AFTER_S)
                await room.leave(stay, CUT_OFF)
