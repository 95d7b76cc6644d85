"""Beats for this process's door, as long as the process serves."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

from actions.webhooks.door import door
from tasks.loops import Loops, process_name

BEAT_EVERY = timedelta(seconds=2)


@asynccontextmanager
async def beating(now: Callable[[], datetime]) -> AsyncIterator[None]:
    """Beat first before the block begins, then every 2 s until it ends, whatever the database does.

    The database must be open.
    """
    beat = partial(door.beat, process_name())
    loops = Loops(now)
    await loops.attempt("door", lambda: beat(now()))
    loops.repeat("door", beat, BEAT_EVERY, delay=BEAT_EVERY)
    try:
        yield
    finally:
        await loops.cancel()
