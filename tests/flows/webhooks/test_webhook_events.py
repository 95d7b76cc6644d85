"""The outcome of every webhook is listed: from two tables, in one order, for staff only."""

from datetime import timedelta
from typing import Any

import pytest

from domain.access import UserRole
from domain.cursors import list_cursor
from models import User, WebhookReceipt
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import send, send_raw
from tests.support.statements import counting

FIELDS = """id kind outcome session { id title } user { id } roomName participantSid
occurredAt receivedAt detail"""
EVENTS = """query ($session: ID, $outcomes: [WebhookOutcome!], $first: Int, $after: String) {
  webhookEvents(sessionId: $session, outcomes: $outcomes, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor } nodes { %s } edges { cursor node { id } }
  }
}"""
WHOLE = EVENTS % FIELDS
IDS = EVENTS % "id"


@pytest.fixture
async def classroom(database: Database) -> Classroom:
    return await ready()


@pytest.fixture
async def admin(classroom: Classroom) -> User:
    await classroom.session.fetch_related("academy")
    return await make.user(classroom.session.academy, UserRole.ACADEMY_ADMIN)


@pytest.fixture
async def root(database: Database) -> User:
    return await make.user(None, UserRole.SUPER_ADMIN)


async def listed(asker: Asker, as_: User, **variables: Any) -> list[dict[str, Any]]:
    return list(payload(await asker.ask(WHOLE, as_, first=100, **variables))["nodes"])


def zulu(minutes: float) -> str:
    return at(minutes).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def test_a_webhook_that_was_applied_is_told_with_all_that_it_is_about(
    classroom: Classroom, admin: User, asker: Asker
) -> None:
    stay = classroom.stay(1)
    event = classroom.room.joined(stay)
    assert await send(event, at(2)) == 200
    [told] = await listed(asker, admin)
    assert told == {
        "id": event["id"],
        "kind": "participant_joined",
        "outcome": "APPLIED",
        "session": {"id": encode(Kind.SESSION, classroom.session.id), "title": "Surat al-Kahf"},
        "user": {"id": encode(Kind.USER, classroom.student.id)},
        "roomName": classroom.session.room_name,
        "participantSid": stay.sid,
        "occurredAt": zulu(1),
        "receivedAt": zulu(2),
        "detail": None,
    }


async def test_a_webhook_that_was_not_applied_is_listed_with_its_details(
    classroom: Classroom, admin: User, asker: Asker
) -> None:
    stay = classroom.stay(1)
    event = classroom.room.joined(stay) | {"event": "track_published"}
    assert await send(event, at(2)) == 200
    [told] = await listed(asker, admin)
    assert (told["outcome"], told["detail"]) == ("IGNORED", "not about attendance")
    assert told["session"]["id"] == encode(Kind.SESSION, classroom.session.id)
    assert told["user"]["id"] == encode(Kind.USER, classroom.student.id)
    assert (told["participantSid"], told["occurredAt"]) == (stay.sid, zulu(1))


async def test_a_foreigner_in_the_room_is_not_shown_to_its_academy(
    classroom: Classroom, admin: User, asker: Asker
) -> None:
    foreigner = await make.student(await make.academy())
    assert await send(classroom.room.joined(classroom.stay(1, foreigner)), at(2)) == 200
    [told] = await listed(asker, admin)
    assert (told["outcome"], told["user"]) == ("POISON", None)
    assert told["session"]["id"] == encode(Kind.SESSION, classroom.session.id)


async def test_a_repeated_webhook_is_listed_as_one_duplicate(
    classroom: Classroom, admin: User, asker: Asker
) -> None:
    event = classroom.room.joined(classroom.stay(1))
    for minute in (1, 2, 3, 9):
        assert await send(event, at(minute)) == 200
    told = await listed(asker, admin)
    assert [(one["id"], one["outcome"], one["receivedAt"]) for one in told] == [
        (f"again:{event['id']}", "DUPLICATE", zulu(9)),
        (event["id"], "APPLIED", zulu(1)),
    ]
    assert told[0]["user"] == told[1]["user"]


async def test_a_webhook_of_no_session_is_listed_for_super_admins_only(
    classroom: Classroom, admin: User, root: User, asker: Asker
) -> None:
    assert await send_raw(b"[1]", at(1)) == 200
    [told] = await listed(asker, root)
    assert (told["kind"], told["outcome"], told["session"]) == ("unreadable", "POISON", None)
    assert (told["detail"], told["occurredAt"]) == ("the body is not a JSON object", zulu(1))
    assert await listed(asker, admin) == []


async def fill(classroom: Classroom) -> None:
    """Store lines and receipts, many of them at the same moment."""
    for number in range(4):
        moment = at(number // 2)
        stay = classroom.stay(number // 2)
        await send(classroom.room.joined(stay), moment)
        for _ in range(2):
            await send(classroom.room.joined(stay) | {"event": "track_published"}, moment)
        again = classroom.room.left(stay, moment)
        await send(again, moment)
        await send(again, moment)
    # The clock gives microseconds, so the moments lie within a millisecond.
    for number in range(3):
        later = at(1) + timedelta(microseconds=500)
        await send(classroom.room.joined(classroom.stay(1)) | {"event": f"odd_{number}"}, later)


@pytest.mark.parametrize("first", [1, 2, 3, 7])
async def test_pages_put_together_are_the_list_newest_first(
    classroom: Classroom, root: User, asker: Asker, first: int
) -> None:
    await fill(classroom)
    whole = await listed(asker, root)
    assert len(whole) == 23
    times = [one["receivedAt"] for one in whole]
    assert times == sorted(times, reverse=True)
    found: list[str] = []
    after, has_more = None, True
    while has_more:
        page = payload(await asker.ask(IDS, root, first=first, after=after))
        assert len(page["nodes"]) <= first
        found += [node["id"] for node in page["nodes"]]
        after, has_more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert found == [one["id"] for one in whole]
    assert len(set(found)) == 23


async def test_webhook_events_are_filtered_by_session_and_outcome(
    classroom: Classroom, root: User, asker: Asker
) -> None:
    await fill(classroom)
    other = await ready()
    await send(other.room.joined(other.stay(1)), at(1))
    session = encode(Kind.SESSION, other.session.id)
    assert [one["outcome"] for one in await listed(asker, root, session=session)] == ["APPLIED"]
    for outcome, number in (("APPLIED", 9), ("DUPLICATE", 4), ("IGNORED", 11), ("POISON", 0)):
        told = await listed(asker, root, outcomes=[outcome])
        assert [one["outcome"] for one in told] == [outcome] * number
    both = await listed(asker, root, outcomes=["DUPLICATE", "APPLIED", "APPLIED"])
    assert len(both) == 13
    assert await listed(asker, root, outcomes=[]) == []
    assert await listed(asker, root, session="nonsense") == []


async def test_webhook_events_of_another_academys_session_are_not_shown(
    classroom: Classroom, admin: User, asker: Asker
) -> None:
    other = await ready()
    await send(other.room.joined(other.stay(1)), at(1))
    await send(other.room.joined(other.stay(1)) | {"event": "track_published"}, at(1))
    assert await listed(asker, admin, session=encode(Kind.SESSION, other.session.id)) == []
    assert await listed(asker, admin) == []


async def test_a_page_of_webhook_events_costs_the_same_statements_for_any_length(
    classroom: Classroom, root: User, asker: Asker
) -> None:
    await fill(classroom)
    with counting() as one:
        await asker.ask(WHOLE, root, first=1)
    with counting() as many:
        assert len(await listed(asker, root)) == 23
    assert 0 < len(one) == len(many)


@pytest.mark.parametrize(
    "after",
    [
        "nonsense",
        list_cursor(1),
        list_cursor(1, 1, "EV_1"),
        list_cursor(1, 0, 1),
        list_cursor(1, 2, 1),
        list_cursor(-1, 1, 1),
        list_cursor(2**62, 1, 1),
        list_cursor(1, 1, 2**63),
        list_cursor(1, 0, "a\0b"),
    ],
)
async def test_a_cursor_that_is_none_of_ours_is_refused(
    root: User, asker: Asker, after: str
) -> None:
    assert code(await asker.ask(IDS, root, after=after)) == "INVALID_INPUT"


async def test_a_receipt_without_an_event_time_is_listed_by_its_arrival(
    root: User, asker: Asker
) -> None:
    values: dict[str, Any] = {"id": "EV_old", "kind": "track_published", "outcome": "IGNORED"}
    await WebhookReceipt.create(**values, received_at=at(3))
    [told] = await listed(asker, root)
    assert told["occurredAt"] == told["receivedAt"] == zulu(3)
