"""Meeting tokens as LiveKit's own library reads them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from livekit import api

from gateways.livekit_tokens import Admission, Grant, mint
from tests.support.webhooks import KEY, SECRET

TEACHER = Grant(
    can_publish=True,
    can_subscribe=True,
    can_publish_data=True,
    can_share_screen=True,
    room_admin=True,
)
STUDENT = Grant(can_publish=True, can_subscribe=True, can_publish_data=True)
PARENT = Grant(can_subscribe=True)


def token(grant: Grant, now: datetime | None = None) -> str:
    """A token of three hours, from the moment it is used: LiveKit's library reads the clock."""
    now = now or datetime.now(UTC)
    admission = Admission(
        room_name="a-quran-session-121",
        identity="1_Sara_Ali",
        name="سارة علي",
        metadata='{"role":"STUDENT"}',
        grant=grant,
    )
    return mint(KEY, SECRET, admission, now=now, expires_at=now + timedelta(hours=3))


def test_livekit_reads_who_it_is_and_where() -> None:
    claims = api.TokenVerifier(KEY, SECRET).verify(token(STUDENT))
    assert claims.video is not None
    assert (claims.identity, claims.name) == ("1_Sara_Ali", "سارة علي")
    assert claims.metadata == '{"role":"STUDENT"}'
    assert (claims.video.room, claims.video.room_join) == ("a-quran-session-121", True)


@pytest.mark.parametrize(
    ("grant", "flags", "sources"),
    [
        (
            TEACHER,
            (True, True, True, True),
            ["camera", "microphone", "screen_share", "screen_share_audio"],
        ),
        (STUDENT, (True, True, True, False), ["camera", "microphone"]),
        (PARENT, (False, True, False, False), None),
        (Grant(can_share_screen=True), (False, False, False, False), None),
        (Grant(), (False, False, False, False), None),
    ],
)
def test_livekit_reads_what_they_may_do(
    grant: Grant, flags: tuple[bool, ...], sources: list[str] | None
) -> None:
    video = api.TokenVerifier(KEY, SECRET).verify(token(grant)).video
    assert video is not None
    may = (video.can_publish, video.can_subscribe, video.can_publish_data, video.room_admin)
    assert may == flags
    assert video.can_publish_sources == sources


@pytest.mark.parametrize("grant", [TEACHER, STUDENT, PARENT])
def test_nobody_makes_rooms_hides_or_renames_themselves(grant: Grant) -> None:
    video = api.TokenVerifier(KEY, SECRET).verify(token(grant)).video
    assert video is not None
    refused = (video.room_create, video.hidden, video.can_update_own_metadata)
    assert refused == (False, False, False)
    unsaid = (video.room_list, video.room_record, video.ingress_admin, video.recorder)
    assert unsaid == (None, None, None, None)


def test_the_claims_are_those_of_livekits_own_library() -> None:
    theirs = (
        api.AccessToken(KEY, SECRET)
        .with_identity("1_Sara_Ali")
        .with_name("سارة علي")
        .with_metadata('{"role":"STUDENT"}')
        .with_attributes({"grant": "can_publish can_subscribe can_publish_data"})
        .with_grants(
            api.VideoGrants(
                room="a-quran-session-121",
                room_join=True,
                room_create=False,
                room_admin=False,
                can_publish_sources=["camera", "microphone"],
                can_update_own_metadata=False,
                hidden=False,
            )
        )
        .with_ttl(timedelta(hours=3))
        .to_jwt()
    )
    assert read(token(STUDENT)).keys() == read(theirs).keys()
    for claim in ("video", "attributes"):
        assert read(token(STUDENT))[claim] == read(theirs)[claim]


@pytest.mark.parametrize("grant", [TEACHER, STUDENT, PARENT, Grant()])
def test_a_grant_is_read_back_from_the_participants_attributes(grant: Grant) -> None:
    assert Grant.from_attributes(read(token(grant))["attributes"]) == grant
    assert Grant.from_attributes({}) == Grant()


def test_a_grant_is_within_one_that_allows_all_of_it() -> None:
    assert Grant().is_within(PARENT)
    assert PARENT.is_within(STUDENT)
    assert STUDENT.is_within(TEACHER)
    assert not STUDENT.is_within(PARENT)
    assert not Grant(room_admin=True).is_within(STUDENT)


def test_the_times_are_those_handed_in() -> None:
    now = datetime(2031, 5, 4, 3, 2, 1, 999_999, tzinfo=UTC)
    claims = read(token(STUDENT, now))
    assert claims["nbf"] == int(datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC).timestamp())
    assert claims["exp"] - claims["nbf"] == 3 * 3600


def read(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims
