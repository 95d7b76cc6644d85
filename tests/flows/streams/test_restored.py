"""After a restore from a backup, a cursor from before it does not go on at another event."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actions.webhooks.notices import record_notice
from gateways.livekit_webhooks import translate
from models import (
    MeetingAttendance,
    MeetingAttendanceEvent,
    Session,
    SessionEvent,
    User,
)
from schema.types.ids import Kind, encode
from subscriptions.hub import Hub, catch_up
from tests.conftest import Database
from tests.support.asking import asking, payload
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import Stay
from tests.support.streams import EVENTS, PRESENCE, ROW, Streams, streaming
from tests.support.webhooks import encode as body_of

CHANGES = """
query ($id: ID!, $after: String!) {
  sessionPresenceChanges(sessionId: $id, after: $after) { __typename cursor version }
}
"""
CURSOR = "query ($id: ID!) { session(id: $id) { cursor version } }"


async def join(classroom: Classroom, student: User, minutes: float) -> Stay:
    stay = classroom.stay(minutes, student)
    await record_notice(translate(body_of(classroom.room.joined(stay))), at(minutes))
    return stay


async def backup() -> Callable[[], Awaitable[None]]:
    """Return what brings every row of the class back to how it is now."""
    session = await Session.get()
    rows = await MeetingAttendance.all()

    async def restore() -> None:
        await SessionEvent.filter(sequence__gt=session.version).delete()
        await MeetingAttendanceEvent.all().delete()
        await MeetingAttendance.all().delete()
        await session.save()
        for row in rows:
            await row.save(force_create=True)

    return restore


async def cursor_of(classroom: Classroom) -> tuple[str, int]:
    async with asking() as asker:
        number = encode(Kind.SESSION, classroom.session.id)
        told = payload(await asker.ask(CURSOR, classroom.teacher, now=at(2), id=number))
    return told["cursor"], told["version"]


async def relived() -> tuple[Classroom, str, str, Stay]:
    """A class with a cursor from the backup, and one of a version that came again after it.

    The stay is of the second student, who joined at that version.
    """
    classroom = await ready(students=3)
    kept, _ = await cursor_of(classroom)
    restore = await backup()
    amina, zaynab, _ = classroom.students
    await join(classroom, amina, 1)
    lost, version = await cursor_of(classroom)
    await restore()
    stay = await join(classroom, zaynab, 1)
    assert (await cursor_of(classroom))[1] == version
    return classroom, kept, lost, stay


async def first(streams: Streams, classroom: Classroom, query: str, after: str) -> Any:
    number = encode(Kind.SESSION, classroom.session.id)
    person = {"user": encode(Kind.USER, classroom.students[1].id)} if query == ROW else {}
    opening = streams.stream(query, classroom.teacher, id=number, after=after, **person)
    async with opening as stream:
        return await stream.next()


@pytest.mark.parametrize(
    ("query", "snapshot", "changes"),
    [(PRESENCE, "PresenceSnapshot", "PresenceChanges"), (EVENTS, "SessionSnapshot", None)],
)
async def test_a_stream_starts_anew_at_a_version_that_another_event_has_reached(
    database: Database, query: str, snapshot: str, changes: str | None
) -> None:
    classroom, kept, lost, _ = await relived()
    async with streaming(at(2)) as streams:
        told = await first(streams, classroom, query, lost)
        assert told["__typename"] == snapshot
        gone_on = await first(streams, classroom, query, kept)
        assert gone_on["__typename"] != snapshot
        assert changes in (None, gone_on["__typename"])
        amina, _, omar = classroom.students
        await join(classroom, amina, 1.5)
        await join(classroom, omar, 1.6)
        # It is no longer the newest event: the ring knows the marks of all that it has.
        assert (await first(streams, classroom, query, lost))["__typename"] == snapshot
        assert (await first(streams, classroom, query, told["cursor"]))["__typename"] != snapshot


async def test_a_row_is_told_anew_at_a_version_that_another_event_has_reached(
    database: Database,
) -> None:
    classroom, _, lost, stay = await relived()
    async with streaming(at(2)) as streams:
        told = await first(streams, classroom, ROW, lost)
        assert told["attendance"]["presence"] == "IN_MEETING"
        await record_notice(translate(body_of(classroom.room.left(stay, at(2)))), at(2))
        gone_on = await first(streams, classroom, ROW, told["cursor"])
        assert gone_on["attendance"]["presence"] == "LEFT"


async def test_a_query_answers_with_the_roster_where_another_event_is(database: Database) -> None:
    classroom, kept, lost, _ = await relived()
    number = encode(Kind.SESSION, classroom.session.id)

    async def changes(after: str) -> Any:
        async with asking() as asker:
            asked = asker.ask(CHANGES, classroom.teacher, now=at(2), id=number, after=after)
            return payload(await asked)

    told = await changes(lost)
    assert told["__typename"] == "PresenceSnapshot"
    assert (await changes(kept))["__typename"] == "PresenceChanges"
    assert (await changes(told["cursor"]))["__typename"] == "PresenceChanges"
    await join(classroom, classroom.students[0], 1.5)
    assert (await changes(lost))["__typename"] == "PresenceSnapshot"
    assert (await changes(told["cursor"]))["__typename"] == "PresenceChanges"


@pytest.mark.parametrize("ring", [1, 2, 1024])
async def test_a_hub_goes_on_from_each_place_that_its_ring_reaches(
    database: Database, ring: int
) -> None:
    classroom = await ready(students=3)
    places: dict[int, str] = {}
    hub = Hub(classroom.session.id, ring)
    places[(await cursor_of(classroom))[1]] = (await cursor_of(classroom))[0]
    await hub.open()
    for minutes, student in enumerate(classroom.students, 1):
        await join(classroom, student, minutes)
        cursor, version = await cursor_of(classroom)
        places[version] = cursor
        await catch_up([hub])
    opened = Hub(classroom.session.id, ring)
    await opened.open()
    for one in (hub, opened):
        found = {version: one.place_of(cursor) for version, cursor in places.items()}
        assert found == {version: version if version >= one.floor else None for version in places}
        assert one.floor == max(0, one.version - ring)
