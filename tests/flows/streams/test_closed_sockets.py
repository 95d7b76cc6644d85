"""A socket that is over is freed at once: the collector looks at what stays only seldom."""

import gc
import json
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from subscriptions.client_socket import ClientSocket
from subscriptions.connection import Connection
from subscriptions.hub import Hub
from subscriptions.right import Right
from subscriptions.transport import SocketProtocol
from tests.conftest import Template
from tests.support.app import headers
from tests.support.live_class import live_class
from tests.support.patience import until
from tests.support.sockets import dial, heard, subscribe
from tests.support.streams import EVENTS, PRESENCE


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> Iterator[weakref.WeakSet[Any]]:
    """Collect what belongs to sockets and is still there, with the collector off."""
    there: weakref.WeakSet[Any] = weakref.WeakSet()

    def watch(kind: type[Any]) -> None:
        init = kind.__init__

        def note(self: Any, *args: Any, **kwargs: Any) -> None:
            init(self, *args, **kwargs)
            there.add(self)

        monkeypatch.setattr(kind, "__init__", note)

    for kind in (SocketProtocol, ClientSocket, Connection, Hub, Right):
        watch(kind)
    gc.collect()
    gc.disable()
    yield there
    gc.enable()


async def test_nothing_of_a_closed_socket_waits_for_the_collector(
    template: Template, alive: weakref.WeakSet[Any]
) -> None:
    async with live_class(template) as live:
        for _ in range(3):
            async with dial(live.served.url) as socket:
                parameters = headers(live.teacher)
                await socket.send(json.dumps({"type": "connection_init", "payload": parameters}))
                await heard(socket)
                for operation, query in (("1", PRESENCE), ("2", EVENTS)):
                    await socket.send(subscribe(query, operation, variables={"id": live.id}))
                while (await heard(socket))["id"] != "2":
                    pass
        await until(lambda: not counted(alive), "all is freed")


def counted(alive: weakref.WeakSet[Any]) -> Counter[str]:
    return Counter(type(one).__name__ for one in alive)
