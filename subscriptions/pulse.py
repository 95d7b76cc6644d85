"""A socket's pulse: a silent client is pinged, which pages see too, and given up in the end.

Pages never see the pings of the WebSocket protocol. By these messages of graphql-transport-ws a
client can tell that its connection has died, and so can we.
"""

import asyncio
from collections.abc import Callable

from subscriptions.transport import Channel

PING_EVERY_S = 15.0
PINGS = 2  # to a silent client, before it is given up
NEARLY = 0.9  # the answer to the last ping came this much of the time ago, or more


def _nothing() -> None: ...


class Pulse:
    """Calls `ping` after `every_s` without a message, and `give_up` when two pings did not help.

    `spoke_at`, by the loop's clock, is set when a message comes. The channel hears the WebSocket's
    own pings too: a client that has only these needs ours, and is not given up.
    """

    def __init__(
        self,
        every_s: float,
        channel: Channel | None,
        ping: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._every_s = every_s
        self._channel = channel
        self._ping = ping
        self._give_up = give_up
        self._pinged_at = 0.0
        self._unanswered = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.spoke_at = self._loop.time()

    def start(self) -> None:
        """Begin after the acknowledgement: the `gql` client takes an earlier ping for a refusal."""
        self._timer = self._loop.call_later(self._every_s, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ping = self._give_up = _nothing  # they hold the connection, which holds this

    def _look(self) -> None:
        now, heard_at, spoke_at = self._loop.time(), self.spoke_at, self.spoke_at
        if self._channel is not None:
            heard_at = max(heard_at, self._channel.heard_at)
            spoke_at = max(spoke_at, self._channel.spoke_at)
        if heard_at >= self._pinged_at:  # uvloop counts whole milliseconds
            self._unanswered = 0
        wait_s, silent_s = self._every_s, now - spoke_at
        if silent_s < NEARLY * self._every_s:
            wait_s -= silent_s
        elif self._unanswered == PINGS:
            self._give_up()
            return
        else:
            self._pinged_at = now
            self._unanswered += 1
            self._ping()
        self._timer = self._loop.call_later(wait_s, self._look)
