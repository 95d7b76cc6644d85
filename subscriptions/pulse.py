"""A socket's pulse: a silent client is pinged, which pages see too, and given up in the end.

Pages never see the pings of the WebSocket protocol. By these messages of graphql-transport-ws a
client can tell that its connection has died, and so can we: any frame of the client is an answer.
"""

import asyncio
from collections.abc import Callable

PING_EVERY_S = 15.0
PINGS = 2  # to a silent client, before it is given up


class Pulse:
    """Calls `ping` after `every_s` without a message, and `give_up` when two pings did not help.

    `spoke_at` tells when the last message of the client came, by the loop's clock. `heard_at` counts
    the WebSocket's own pings too: a client that has only these needs ours, and is not given up.
    Beats from `start` on, after the acknowledgement: `gql` takes an earlier ping for a refusal.
    """

    def __init__(
        self,
        every_s: float,
        spoke_at: Callable[[], float],
        heard_at: Callable[[], float],
        ping: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._every_s = every_s
        self._spoke_at = spoke_at
        self._heard_at = heard_at
        self._ping = ping
        self._give_up = give_up
        self._unanswered = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = self._loop.call_later(self._every_s, self._beat)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        wait_s, now = self._every_s, self._loop.time()
        silent_s = now - self._spoke_at()
        if silent_s < self._every_s:
            self._unanswered = 0
            wait_s -= silent_s
        elif self._unanswered >= PINGS and now - self._heard_at() > self._every_s:
            self._give_up()
            return
        else:
            self._unanswered += 1
            self._ping()
        self._timer = self._loop.call_later(wait_s, self._beat)
