"""Bodies of LiveKit's webhooks: translated and malformed ones."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models
from livekit.protocol.webhook import WebhookEvent

from gateways.livekit_webhooks import (
    MAX_BODY_BYTES,
    MalformedError,
    Notice,
    translate,
)
from tests.support import recordings
from tests.support.webhooks import encode

# The body is as livekit-server 1.13.5 sent it.
LEFT: dict[str, Any] = {
    "event": "participant_left",
    "room": {
        "sid": "RM_syXp3Bnky8mm",
        "name": "itqan-academy-quran-session-121",
        "emptyTimeout": 300,
        "departureTimeout": 20,
        "maxParticipants": 50,
        "creationTime": "1795233948",
        "creationTimeMs": "1795233948950",
        "enabledCodecs": [{"mime": "audio/opus"}],
        "metadata": '{"session": 121}',
    },
    "participant": {
        "sid": "PA_oyEYKb2X5jCQ",
        "identity": "1_Sara_Ali",
        "state": "DISCONNECTED",
        "metadata": '{"role": "student"}',
        "joinedAt": "1795233950",
        "joinedAtMs": "1795233950560",
        "name": "Sara_Ali",
        "version": 3,
        "permission": {"canSubscribe": True, "canPublish": True, "canPublishData": True},
        "disconnectReason": "CLIENT_INITIATED",
        "clientProtocol": 2,
        "capabilities": ["CAP_PACKET_TRAILER"],
    },
    "id": "EV_ZKdafQAgefRf",
    "createdAt": "1795233951",
}


def changed(part: str | None = None, **changes: Any) -> bytes:
    event = json.loads(json.dumps(LEFT))
    (event[part] if part else event).update(changes)
    return encode(event)


def test_a_leave_is_understood() -> None:
    assert translate(encode(LEFT)) == Notice(
        id="EV_ZKdafQAgefRf",
        event="participant_left",
        created_ms=1795233951000,
        room_name="itqan-academy-quran-session-121",
        room_sid="RM_syXp3Bnky8mm",
        room_created_ms=1795233948950,
        identity="1_Sara_Ali",
        participant_sid="PA_oyEYKb2X5jCQ",
        participant_kind="STANDARD",
        joined_ms=1795233950560,
        is_disconnected=True,
        disconnect_reason="CLIENT_INITIATED",
    )


def test_an_event_encoded_by_livekits_own_library_is_understood() -> None:
    event = WebhookEvent(
        event="participant_joined",
        id="EV_1",
        created_at=1795233951,
        room=models.Room(sid="RM_1", name="room", creation_time_ms=1795233948950),
        participant=models.ParticipantInfo(
            sid="PA_1",
            identity="EG_1",
            kind=models.ParticipantInfo.Kind.EGRESS,
            state=models.ParticipantInfo.State.ACTIVE,
            joined_at_ms=1795233950560,
        ),
    )
    notice = translate(json_format.MessageToJson(event).encode())
    assert notice.participant_kind == "EGRESS"
    assert not notice.is_disconnected
    assert notice.disconnect_reason == "UNKNOWN_REASON"
    assert (notice.joined_ms, notice.room_created_ms) == (1795233950560, 1795233948950)


@pytest.mark.parametrize("name", ["class", "sfu-killed"])
def test_everything_a_real_server_sent_is_understood(name: str) -> None:
    for delivery in recordings.deliveries(name):
        notice = translate(encode(delivery.body))
        assert (notice.id, notice.event) == (delivery.body["id"], delivery.body["event"])
        assert notice.room_name == delivery.body["room"]["name"]
        assert abs(notice.created_ms - delivery.received_ms) < 60_000


def test_an_older_server_has_seconds_only() -> None:
    event = json.loads(json.dumps(LEFT))
    del event["participant"]["joinedAtMs"], event["room"]["creationTimeMs"]
    notice = translate(encode(event))
    assert (notice.joined_ms, notice.room_created_ms) == (1795233950000, 1795233948000)


def test_fields_that_are_missing_or_null_have_their_defaults() -> None:
    body = changed("participant", state=None, disconnectReason=None, kind=None)
    notice = translate(body)
    assert not notice.is_disconnected
    assert notice.disconnect_reason == "UNKNOWN_REASON"
    assert notice.participant_kind == "STANDARD"


def test_a_kind_newer_than_its_sender_is_not_a_person() -> None:
    assert translate(changed("participant", kind=99)).participant_kind == "99"
    assert translate(changed("participant", kind="HOLOGRAM")).participant_kind == "HOLOGRAM"


def test_unknown_events_and_fields_are_accepted() -> None:
    body = b'{"event":"hologram_shown","id":"EV_1","createdAt":1795233951,"hologram":{"x":[]}}'
    notice = translate(body)
    assert notice == Notice(id="EV_1", event="hologram_shown", created_ms=1795233951000)


def test_a_track_event_knows_less() -> None:
    body = encode(
        {
            "event": "track_published",
            "room": {"sid": "RM_1", "name": "room"},
            "participant": {"sid": "PA_1", "identity": "1_A"},
            "track": {"sid": "TR_1"},
            "id": "EV_1",
            "createdAt": "1795233951",
        }
    )
    notice = translate(body)
    assert (notice.room_name, notice.identity, notice.joined_ms) == ("room", "1_A", None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b"{",
        b"\xff\xfe",
        "{}".encode("utf-16"),
        b"[" * 60_000,
        b'{"id":' * 9_000,
        b'{"x":' + b"9" * 5_000 + b"}",
        b"{}",
        b'{"id":"EV_1"}',
        b'{"id":"EV_1","event":"x"}',
        encode(LEFT) + b" " * MAX_BODY_BYTES,
        changed(id=None),
        changed(id=7),
        changed(id=""),
        changed(id="x" * 65),
        changed(id="EV_\x00"),
        changed(event=["participant_left"]),
        changed(createdAt=None),
        changed(createdAt="0"),
        changed(createdAt="soon"),
        changed(createdAt="-1"),
        changed(createdAt="\u0661"),  # an Arabic digit, which int() would take
        changed(createdAt="1" * 30),
        changed(createdAt=True),
        changed(createdAt=1.5),
        changed(createdAt={}),
        changed(createdAt=10**15),
        changed(room=None),
        changed(room="RM_1"),
        changed(room=[]),
        changed(participant=None),
        changed("room", name=None),
        changed("room", sid=""),
        changed("room", name="x" * 257),
        changed("room", creationTimeMs="x"),
        changed("participant", sid=None),
        changed("participant", identity=None),
        changed("participant", identity=5),
        changed("participant", identity="x" * 257),
        changed("participant", identity="5_\x00"),
        b'{"id":"EV_\\ud800","event":"x","createdAt":1795233951}',
        changed("participant", state=["ACTIVE"]),
        changed("participant", disconnectReason="x" * 41),
        changed("participant", joinedAt=None, joinedAtMs=None),
        changed("participant", joinedAtMs="99999999999999"),
    ],
)
def test_junk_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError) as refusal:
        translate(body)
    assert refusal.value.reason
    assert len(refusal.value.reason) < 60


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("1795233951"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(list(LEFT)), inner),
    max_leaves=8,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_notice_or_malformed(body: bytes) -> None:
    check(body)


@given(st.randoms(use_true_random=False), JSON, st.sampled_from(list(LEFT)))
def test_any_field_with_any_value_is_a_notice_or_malformed(
    pick: random.Random, value: Any, name: str
) -> None:
    event = json.loads(json.dumps(LEFT))
    inside = event[name] if isinstance(event[name], dict) and pick.random() < 0.8 else event
    inside[pick.choice(list(inside))] = value
    check(json.dumps(event).encode())


@given(st.integers(0, len(encode(LEFT)) - 1), st.binary(max_size=3))
def test_any_damage_is_a_notice_or_malformed(at: int, bytes_: bytes) -> None:
    body = encode(LEFT)
    check(body[:at] + bytes_ + body[at + 1 :])


def check(body: bytes) -> None:
    """The body is refused, or everything read from it can be stored."""
    try:
        notice = translate(body)
    except MalformedError:
        return
    texts = (notice.id, notice.event, notice.room_name, notice.room_sid, notice.identity)
    for text in (*texts, notice.participant_sid, notice.disconnect_reason, ""):
        assert text is None or "\x00" not in text.encode().decode()
    for moment in (notice.created_ms, notice.joined_ms, notice.room_created_ms):
        assert moment is None or datetime.fromtimestamp(moment / 1000, UTC) + timedelta(days=1)
