"""Meeting tokens, and the session's own word on them beforehand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from livekit import api

from tests.support.asking import Asker, asking, code, payload
from tests.support.livekit_stub import LiveKitStub
from tests.support.scene import Scene
from tests.support.webhooks import KEY, SECRET

TOKEN = """
mutation ($id: ID!, $publish: Boolean! = true, $subscribe: Boolean! = true) {
  createMeetingToken(input: {sessionId: $id, canPublish: $publish, canSubscribe: $subscribe}) {
    token {
      accessToken serverUrl roomName participantIdentity roomEnsured expiresAt
      permissions { canPublish canSubscribe canPublishData canShareScreen roomAdmin }
    }
    errors { code }
  }
}
"""
DOOR = """
query ($id: ID!) {
  session(id: $id) { joinableFrom viewerPermissions { canJoin canManage joinRefusal { code } } }
}
"""


@asynccontextmanager
async def asking_with_stub() -> AsyncIterator[tuple[Asker, LiveKitStub]]:
    async with LiveKitStub() as stub, asking(livekit_api_url=stub.url) as asker:
        yield asker, stub


async def token(
    asker: Asker, there: Scene, who: str, session: str = "mine", **wish: Any
) -> dict[str, Any]:
    answer = await asker.ask(TOKEN, there[who], now=there.now, id=there.id(session), **wish)
    found: dict[str, Any] = payload(answer)["token"]
    return found


async def refusal(
    asker: Asker, there: Scene, who: str, session: str = "mine", *, now: datetime | None = None
) -> str | None:
    """The reason why there is no token; the session tells it too, before and after."""
    there = replace(there, now=now or there.now)
    said = await said_beforehand(asker, there, who, session)
    answer = await asker.ask(TOKEN, there[who], now=there.now, id=there.id(session))
    refused = code(answer)
    assert said == (None if refused == "NOT_FOUND" else (refused is None, refused))
    return refused


async def said_beforehand(
    asker: Asker, there: Scene, who: str, session: str
) -> tuple[bool, str | None] | None:
    answer = payload(await asker.ask(DOOR, there[who], now=there.now, id=there.id(session)))
    if answer is None:
        return None
    said = answer["viewerPermissions"]
    return said["canJoin"], said["joinRefusal"] and said["joinRefusal"]["code"]


def verified(found: dict[str, Any]) -> Any:
    return api.TokenVerifier(KEY, SECRET).verify(found["accessToken"])


async def joinable_from(asker: Asker, there: Scene, session: str) -> datetime | None:
    answer = await asker.ask(DOOR, there["student"], now=there.now, id=there.id(session))
    said = payload(answer)["joinableFrom"]
    return None if said is None else datetime.fromisoformat(said)
