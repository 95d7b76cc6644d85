"""LiveKit's webhooks from the door to the row: signatures, receipts and lines."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

import clock
from actions.webhooks.rejections import rejections
from domain.rooms import TRIAL_ROOM
from models import MeetingAttendanceEvent, SessionEvent, User, WebhookReceipt
from tests.conftest import Database
from tests.support import make
from tests.support.attendance_rows import state
from tests.support.classrooms import Classroom, at, ready, scheduled
from tests.support.livekit_events import PATH, client, door, post, send, send_raw
from tests.support.webhooks import SECRET, encode, sign

JUNK = b"x" * 1024 * 1024


@pytest.fixture
async def classroom(database: Database) -> Classroom:
    return await ready()


async def stored() -> tuple[int, int, int]:
    """The numbers of lines, receipts and events of sessions."""
    return (
        await MeetingAttendanceEvent.all().count(),
        await WebhookReceipt.all().count(),
        await SessionEvent.all().count(),
    )


async def receipts() -> list[tuple[str, str, str | None]]:
    rows = await WebhookReceipt.all().order_by("received_at")
    return [(row.kind, row.outcome, row.detail) for row in rows]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "Bearer x",
        sign(b"{}", now=at(1)),
        sign(b"{}", secret="fedcba9876543210fedcba9876543210", now=at(1)),
    ],
)
async def test_a_webhook_with_an_invalid_signature_gets_401_and_stores_nothing(
    classroom: Classroom, token: str
) -> None:
    before = await stored()
    body = encode(classroom.room.joined(classroom.stay(1)))
    assert await send_raw(body, at(1), token=token) == 401
    assert await send_raw(JUNK, at(1), token=token) == 401
    assert await stored() == before


async def test_an_old_or_unknown_signature_is_401(classroom: Classroom) -> None:
    body = encode(classroom.room.joined(classroom.stay(1)))
    for token in (sign(body, now=at(-10)), sign(body, key="unknown", now=at(1))):
        assert await send_raw(body, at(1), token=token) == 401
    assert (await stored())[:2] == (0, 0)


async def test_a_stranger_is_refused_before_the_body_is_read(classroom: Classroom) -> None:
    async def endless() -> AsyncIterator[bytes]:
        raise AssertionError("nobody should ask for this")
        yield b""

    assert await post(endless(), at(1), "not a token") == 401


async def test_a_further_key_may_sign(classroom: Classroom) -> None:
    body = encode(classroom.room.joined(classroom.stay(1)))
    token = sign(body, key="next", now=at(1))
    assert await post(body, at(1), token, keys={"next": SECRET}) == 200
    assert (await stored())[0] == 2  # the line, and the room it tells of


async def test_the_door_itself_asks_the_settings_and_the_clock(classroom: Classroom) -> None:
    now = clock.now()
    body = encode(
        classroom.room.joined(classroom.stay(1)) | {"createdAt": str(int(now.timestamp()))}
    )
    async with client(door()) as web:
        answers = [
            await web.post(PATH, content=body, headers={"Authorization": sign(body, now=moment)})
            for moment in (now, now - timedelta(hours=1))
        ]
        assert (await web.get(PATH)).status_code == 405
    assert [answer.status_code for answer in answers] == [200, 401]
    assert await MeetingAttendanceEvent.filter(kind="JOINED").count() == 1


async def test_a_webhook_not_about_attendance_is_kept_as_an_ignored_receipt(
    classroom: Classroom,
) -> None:
    version = (await classroom.now()).version
    stay = classroom.stay(1)
    kinds = ("track_published", "track_unpublished", "egress_started", "agent_job_started", "new")
    for kind in kinds:
        assert await send(classroom.room.joined(stay) | {"event": kind}, at(1)) == 200
    for kind in ("EGRESS", "AGENT", "INGRESS"):
        assert await send(classroom.room.joined(stay, kind=kind), at(2)) == 200
    assert [outcome for _, outcome, _ in await receipts()] == ["IGNORED"] * 8
    assert await MeetingAttendanceEvent.all().count() == 0
    assert (await classroom.now()).version == version


async def test_an_egress_event_without_a_participant_is_ignored(classroom: Classroom) -> None:
    told = {
        "event": "egress_ended",
        "id": "EV_egress",
        "createdAt": "1795233951",
        "room": {"sid": "", "name": classroom.session.room_name},
        "egressInfo": {"egressId": "EG_1", "roomName": classroom.session.room_name},
    }
    assert await send(told, at(1)) == 200
    assert await receipts() == [("egress_ended", "IGNORED", "not about attendance")]


def poison(classroom: Classroom, foreigner: User) -> list[tuple[bytes, str]]:
    """Signed bodies that mean nothing, each with the detail of its receipt."""
    room, stay = classroom.room, classroom.stay(1)
    joined = room.joined(stay)
    nobody = "nobody of this academy"
    return [
        (
            encode(room.joined(stay) | {"room": joined["room"] | {"name": "x"}}),
            "not a room of ours",
        ),
        (encode(room.joined(stay, identity="Sara Ali")), nobody),
        (encode(room.joined(stay, identity="0_Zero")), nobody),
        (encode(room.joined(stay, identity="99999999999999_Big")), nobody),
        (encode(room.joined(stay, identity="999999_No_One")), nobody),
        (encode(room.joined(classroom.stay(1, foreigner))), nobody),
        (encode(room.joined(stay, identity="")), "identity is missing"),
        (encode(room.joined(stay, sid=None)), "participant_sid is missing"),
        (encode(room.joined(stay) | {"room": {}}), "room_name is missing"),
        (encode(room.joined(stay) | {"createdAt": "soon"}), "createdAt is not what it should be"),
        (encode(room.joined(stay) | {"id": None}), "id is missing"),
        (b"", "the body is not JSON"),
        (b"[1]", "the body is not a JSON object"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[" * 30_000, "the body is not JSON"),
        (JUNK, "the body is too large"),
    ]


async def test_poison_is_counted_and_never_holds_up_the_rest(classroom: Classroom) -> None:
    foreigner = await make.student(await make.academy())
    version = (await classroom.now()).version
    told = poison(classroom, foreigner)
    for number, (body, _) in enumerate(told):
        assert await send_raw(body, at(0, number)) == 200
    kept = await receipts()
    assert [(outcome, detail) for _, outcome, detail in kept] == [
        ("POISON", detail) for _, detail in told
    ]
    assert await MeetingAttendanceEvent.all().count() == 0
    assert (await classroom.now()).version == version
    assert await send(classroom.room.joined(classroom.stay(1)), at(1)) == 200
    assert (await state(classroom.session.id, classroom.student)).has_joined


async def test_a_repeated_webhook_gets_one_duplicate_receipt_with_the_last_time(
    classroom: Classroom,
) -> None:
    event = classroom.room.joined(classroom.stay(1), kind="AGENT")
    for second in range(3):
        assert await send(event, at(1, second)) == 200
        assert await send_raw(JUNK, at(1, second)) == 200
    rows = await WebhookReceipt.all().order_by("received_at", "kind")
    assert [(row.kind, row.outcome, row.received_at) for row in rows] == [
        ("participant_joined", "IGNORED", at(1)),
        ("unreadable", "POISON", at(1)),
        ("participant_joined", "DUPLICATE", at(1, 2)),
        ("unreadable", "DUPLICATE", at(1, 2)),
    ]
    assert rows[2].id == f"again:{rows[0].id}"


async def test_a_line_is_written_once_and_keeps_the_time_it_came_first(
    classroom: Classroom,
) -> None:
    event = classroom.room.joined(classroom.stay(1))
    assert await send(event, at(1)) == 200
    first = await stored()
    version = (await classroom.now()).version
    for second in (1, 3, 7):
        assert await send(event, at(1, second)) == 200
    lines, receipts, events = first
    assert await stored() == (lines, receipts + 1, events)
    [again] = await WebhookReceipt.all()
    assert (again.id, again.outcome) == (f"again:{event['id']}", "DUPLICATE")
    assert (again.user_id, again.received_at) == (classroom.student.id, at(1, 7))
    assert (await classroom.now()).version == version
    [line] = await MeetingAttendanceEvent.filter(source_id=event["id"])
    assert line.received_ms == int(at(1).timestamp() * 1000)


async def test_nobody_is_named_in_the_log_of_a_refusal(
    classroom: Classroom, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "halaqa")
    body = encode(classroom.room.joined(classroom.stay(1)))
    await send_raw(body, at(1), token="")
    await send_raw(json.dumps(["Sara"]).encode(), at(1))
    assert [record for record in caplog.records if record.name[:6] == "halaqa"] == []
    await rejections.flush(at(1))
    [told] = [record for record in caplog.records if record.name[:6] == "halaqa"]
    assert (told.getMessage(), told.__dict__["number"]) == ("webhooks refused", 1)


async def test_a_room_that_the_doctor_tries_is_not_poison(database: Database) -> None:
    event = (await ready()).room.started()
    event["room"]["name"] = f"{TRIAL_ROOM}0a1b2c"
    assert await send(event, at(0)) == 200
    assert await receipts() == [("room_started", "IGNORED", "a room of the doctor's")]


async def test_a_session_that_was_never_ready_has_no_room_to_be_told_of(
    database: Database,
) -> None:
    classroom = await scheduled()
    event = classroom.room.joined(classroom.stay(0))
    event["room"]["name"] = f"academy-quran-session-{classroom.session.id}"
    assert await send(event, at(0)) == 200
    assert await receipts() == [("participant_joined", "POISON", "not a room of ours")]
