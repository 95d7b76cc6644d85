"""Fixtures that many flows start with. A file that starts differently overrides them."""

from collections.abc import AsyncIterator

import pytest

from gateways.livekit import LiveKit
from tests.conftest import Database
from tests.support.asking import Asker, asking
from tests.support.livekit_stub import LiveKitStub
from tests.support.scene import Scene, scene
from tests.support.ticking import reaching


@pytest.fixture
async def asker(database: Database) -> AsyncIterator[Asker]:
    async with asking() as asker:
        yield asker


@pytest.fixture
async def there(database: Database) -> Scene:
    return await scene()


@pytest.fixture
async def stub() -> AsyncIterator[LiveKitStub]:
    async with LiveKitStub() as stub:
        yield stub


@pytest.fixture
async def livekit(stub: LiveKitStub) -> AsyncIterator[LiveKit]:
    async with reaching(stub.url) as gateway:
        yield gateway
