"""Changes that processes tell each other, on one page: who publishes each, and who listens.

| a change                       | published by                       | listened to by             |
|--------------------------------|------------------------------------|----------------------------|
| a session has a new version    | `write` in writing/stream.py       | subscriptions/hubs.py      |
| something is due at a moment   | the same, and writing/rights.py    | tasks/clock.py             |
| a person may have lost a right | writing/rights.py                  | subscriptions/watchers.py  |

A change is published after its commit and carries no facts: a listener reads the tables. Losing
one costs latency, never truth. A listener's `on_gap` is called when changes may have been missed;
neither may block. Each `listen_…` returns what ends the listening.
"""

from collections.abc import Callable
from datetime import datetime

from gateways.bus import Bus
from gateways.hints import CLOCK
from gateways.hints import SESSIONS as SESSIONS  # names a listener's log lines
from gateways.hints import VIEWERS as VIEWERS

_process_bus = Bus()  # the process's own one, from its start to its end; this one is never open


def use_bus(bus: Bus | None) -> None:
    """Publish on this bus from here on; None: nobody is told."""
    global _process_bus
    _process_bus = bus or Bus()


def bus_in_use() -> Bus:
    """Return the bus of this process; one that was never opened tells nobody."""
    return _process_bus


def publish_version(session_id: int, version: int) -> None:
    _process_bus.publish(SESSIONS, f"{session_id}:{version}")


def listen_for_versions(
    bus: Bus, listener: Callable[[int, int], None], *, on_gap: Callable[[], None]
) -> Callable[[], None]:
    """`listener` gets a session's id and its version."""
    return bus.listen(
        SESSIONS, lambda message: listener(*map(int, message.split(":"))), on_gap=on_gap
    )


def publish_due(moment: datetime) -> None:
    _process_bus.publish(CLOCK, moment.isoformat())


def listen_for_due(
    bus: Bus, listener: Callable[[datetime], None], *, on_gap: Callable[[], None]
) -> Callable[[], None]:
    """`listener` gets the moment at which something is newly due."""
    return bus.listen(
        CLOCK, lambda message: listener(datetime.fromisoformat(message)), on_gap=on_gap
    )


def publish_doubt(user_id: int) -> None:
    _process_bus.publish(VIEWERS, str(user_id))


def listen_for_doubts(
    bus: Bus, listener: Callable[[int], None], *, on_gap: Callable[[], None]
) -> Callable[[], None]:
    """`listener` gets the id of a person who may have lost a right."""
    return bus.listen(VIEWERS, lambda message: listener(int(message)), on_gap=on_gap)
