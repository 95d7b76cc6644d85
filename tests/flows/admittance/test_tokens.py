"""Meeting tokens: their grants, names and lifetimes."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest

import clock
from models import User, VideoSettings
from tests.conftest import Database
from tests.support.asking import Asker
from tests.support.scene import Scene, scene
from tests.support.tokens import asking_with_stub, token, verified
from tests.support.webhooks import SECRET

CAMERA = ["camera", "microphone"]
SCREEN = [*CAMERA, "screen_share", "screen_share_audio"]


@pytest.fixture
async def there(database: Database) -> Scene:
    return await scene(clock.now().replace(microsecond=0))


@pytest.fixture
async def asker(there: Scene) -> AsyncIterator[Asker]:
    async with asking_with_stub() as (asker, _):
        yield asker


@pytest.mark.parametrize("who", ["super", "admin", "supervisor", "teacher"])
async def test_who_manages_the_session_administers_its_room(
    asker: Asker, there: Scene, who: str
) -> None:
    found = await token(asker, there, who)
    assert found["permissions"] == {
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": True,
        "canShareScreen": True,
        "roomAdmin": True,
    }
    video = verified(found).video
    assert (video.room, video.room_join) == (found["roomName"], True)
    assert (video.room_admin, video.room_create, video.room_list) == (True, False, None)
    assert video.can_publish_sources == SCREEN


async def test_a_student_publishes_and_administers_nothing(asker: Asker, there: Scene) -> None:
    found = await token(asker, there, "student")
    video = verified(found).video
    assert (video.can_publish, video.can_subscribe, video.can_publish_data) == (True, True, True)
    assert (video.room_admin, video.room_create, video.room_record) == (False, False, None)
    assert found["permissions"]["roomAdmin"] is False


async def test_a_parent_only_listens(asker: Asker, there: Scene) -> None:
    found = await token(asker, there, "parent")
    assert found["permissions"] == {
        "canPublish": False,
        "canSubscribe": True,
        "canPublishData": False,
        "canShareScreen": False,
        "roomAdmin": False,
    }
    video = verified(found).video
    assert (video.can_publish, video.can_publish_data, video.can_subscribe) == (False, False, True)


async def test_a_wish_narrows_and_never_adds(asker: Asker, there: Scene) -> None:
    quiet = (await token(asker, there, "teacher", publish=False))["permissions"]
    assert (quiet["canPublish"], quiet["canShareScreen"], quiet["roomAdmin"]) == (
        False,
        False,
        True,
    )
    deaf = verified(await token(asker, there, "student", subscribe=False)).video
    assert (deaf.can_subscribe, deaf.can_publish) == (False, True)
    parent = (await token(asker, there, "parent", publish=True))["permissions"]
    assert parent["canPublish"] is False


async def test_the_token_says_who_it_is_for(asker: Asker, there: Scene) -> None:
    named = {"first_name": "Sara", "last_name": "Ali"}
    await User.filter(id=there["student"].id).update(**named)
    found = await token(asker, there, "student")
    claims = verified(found)
    assert found["participantIdentity"] == f"{there['student'].id}_Sara_Ali" == claims.identity
    assert claims.name == "Sara Ali"
    assert json.loads(claims.metadata) == {
        "name": "Sara Ali",
        "role": "STUDENT",
        "userId": there["student"].id,
    }


async def test_an_arabic_name_is_written_in_latin_letters(asker: Asker, there: Scene) -> None:
    named = {"first_name": "أسامة", "last_name": "ماجد"}
    await User.filter(id=there["student"].id).update(**named)
    claims = verified(await token(asker, there, "student"))
    assert claims.identity.isascii()
    assert claims.identity.startswith(f"{there['student'].id}_A")
    assert claims.identity.count("_") == 2
    assert claims.name == "أسامة ماجد"
    assert json.loads(claims.metadata)["name"] == "أسامة ماجد"


@pytest.mark.parametrize("minutes", [180, 30, 1])
async def test_a_token_lasts_as_long_as_the_academy_says(
    asker: Asker, there: Scene, minutes: int
) -> None:
    await VideoSettings.all().update(token_ttl_minutes=minutes)
    found = await token(asker, there, "student")
    expires_at = there.now + timedelta(minutes=minutes)
    assert datetime.fromisoformat(found["expiresAt"]) == expires_at
    assert _claim(found, "exp") == int(expires_at.timestamp())


async def test_no_token_lasts_longer_than_three_hours(asker: Asker, there: Scene) -> None:
    await VideoSettings.all().update(token_ttl_minutes=100_000)  # no check of ours allows this
    found = await token(asker, there, "teacher")
    assert _claim(found, "exp") - int(there.now.timestamp()) == 3 * 3600


def _claim(found: dict[str, Any], name: str) -> int:
    claims = jwt.decode(found["accessToken"], SECRET, algorithms=["HS256"])
    return int(claims[name])
