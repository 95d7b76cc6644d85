"""Operations on the real schema, with the context of main, but without a server or a clock."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import clock
from actions.clock.system_status import Readings
from actions.rooms.meeting_tokens import Venue
from api import build_schema
from execution.context import Context
from gateways.livekit import connected
from models import User
from processes import publishing
from settings import current
from subscriptions.hubs import Hubs
from subscriptions.stream_services import StreamServices
from subscriptions.system_watch import SystemWatch
from subscriptions.watchers import Watchers
from tests.support import make

SCHEMA = build_schema(limits=())  # a test may ask for everything at once

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asker:
    """`ask` gives an answer as a client reads it, `first_event` a stream's first one."""

    process: StreamServices

    async def ask(
        self, query: str, as_: User | None = None, *, now: datetime = make.ELEVEN, **variables: Any
    ) -> Answer:
        context = self.context(as_, now)
        return _read(await SCHEMA.execute(query, variable_values=variables, context_value=context))

    async def first_event(
        self, query: str, as_: User | None = None, *, now: datetime = make.ELEVEN, **variables: Any
    ) -> Answer:
        results = await SCHEMA.stream(
            query, variable_values=variables, context_value=self.context(as_, now)
        )
        async with aclosing(results):
            async for result in results:
                return _read(result)
        return {"data": None, "errors": []}

    def context(self, user: User | None, now: datetime) -> Context[StreamServices]:
        self.process.readings.now = lambda: now
        return Context(self.process, make.viewer(user) if user else None, now)


def _read(result: Any) -> Answer:
    errors = [error.formatted for error in result.errors or ()]
    return {"data": result.data, "errors": errors}


def code(answer: Answer) -> str | None:
    """The code of the first refusal, wherever it stands; None if nothing was refused."""
    if answer["errors"]:
        return str(answer["errors"][0]["extensions"]["code"])
    (payload,) = answer["data"].values()
    refusals = payload.get("errors") if isinstance(payload, dict) else None
    return refusals[0]["code"] if refusals else None


def payload(answer: Answer) -> Any:
    """The answer of the one root field. Any error fails, also one in the payload."""
    assert code(answer) is None, answer
    (value,) = answer["data"].values()
    return value


@asynccontextmanager
async def asking(**changed: Any) -> AsyncIterator[Asker]:
    """`changed` are settings, such as `livekit_api_url`. The database is open already."""
    settings = current().model_copy(update=changed)
    async with publishing(None) as bus, connected(settings) as livekit:
        hubs = Hubs(bus)
        await hubs.open()
        readings = Readings(livekit, clock.now, kept_s=0)  # as if hours lay between two questions
        watch = SystemWatch(readings.state)
        watchers = Watchers(bus)
        await watchers.open()
        try:
            yield Asker(StreamServices(Venue(livekit, settings), readings, hubs, watch, watchers))
        finally:
            await watch.close()
            await readings.close()
            await watchers.close()
            await hubs.close()
