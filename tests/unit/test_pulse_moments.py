"""Sockets are looked at together, and only a silent one is pinged."""

import asyncio

import pytest

from subscriptions.pulse import MOMENTS, Pulse
from subscriptions.transport import Heard

EVERY_S = 15.0


async def test_all_sockets_are_looked_at_in_the_same_few_moments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    moments = set()
    for number in range(100):
        monkeypatch.setattr(loop, "time", lambda number=number: 1000.0 + number * EVERY_S / 100)
        pulse = Pulse(EVERY_S, Heard(), lambda: None, lambda: None)
        pulse.start()
        assert pulse._timer is not None
        moments.add(pulse._timer.when())
        pulse.stop()
    assert len(moments) <= MOMENTS + 1


@pytest.mark.parametrize(("silent_s", "pings"), [(5.0, 0), (13.0, 0), (14.9, 1), (15.1, 1)])
async def test_a_client_that_spoke_lately_is_not_pinged(silent_s: float, pings: int) -> None:
    pinged: list[None] = []
    now = asyncio.get_running_loop().time()
    pulse = Pulse(
        EVERY_S, Heard(now - silent_s, now - silent_s), lambda: pinged.append(None), print
    )
    pulse._look()
    pulse.stop()
    assert len(pinged) == pings
