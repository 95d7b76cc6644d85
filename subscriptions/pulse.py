"""A socket's pulse: a silent client is pinged, which pages see too, and given up in the end.

Pages never see the pings of the WebSocket protocol. By these messages of graphql-transport-ws a
client can tell that its connection has died, and so can we.
"""

import asyncio
from collections.abc import Callable

from subscriptions.transport import Heard

PING_EVERY_S = 15.0
PINGS = 2  # to a silent client, before it is given up
# Who answered the last ping at once counts as silent by the next look, or would be pinged at every
# second one only.
NEARLY = 0.9
# Sockets are looked at in 30 shared moments of a period: to wake for each costs eight pings.
MOMENTS = 30


def _nothing() -> None: ...


class Pulse:
    """Calls `ping` after `every_s` without a message, and `give_up` when two pings did not help.

    A client that has only the WebSocket's own pings needs ours, and is not given up.
    """

    def __init__(
        self,
        every_s: float,
        heard: Heard,
        ping: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._every_s = every_s
        self._heard = heard
        self._ping = ping
        self._give_up = give_up
        self._pinged_at = 0.0
        self._unanswered = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin after the acknowledgement: the `gql` client takes an earlier ping for a refusal."""
        self._look_after(self._every_s)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ping = self._give_up = _nothing  # they hold the connection, which holds this

    def _look_after(self, wait_s: float) -> None:
        apart_s = self._every_s / MOMENTS
        moment = round((self._loop.time() + wait_s) / apart_s)
        self._timer = self._loop.call_at(moment * apart_s, self._look)

    def _look(self) -> None:
        now, heard = self._loop.time(), self._heard
        if heard.frame_at >= self._pinged_at:  # uvloop counts whole milliseconds
            self._unanswered = 0
        wait_s, silent_s = self._every_s, now - heard.message_at
        if silent_s < NEARLY * self._every_s:
            wait_s -= silent_s
        elif self._unanswered == PINGS:
            self._give_up()
            return
        else:
            self._pinged_at = now
            self._unanswered += 1
            self._ping()
        self._look_after(wait_s)
