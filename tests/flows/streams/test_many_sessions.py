"""Many watched sessions are read together; where one cannot be read, it fails alone."""

import pytest

from models.database import sql
from models.reading.unread import Since, read_unread
from tests.conftest import Database
from tests.support.classrooms import at, join, ready
from tests.support.statements import counting
from tests.support.streams import streaming


async def test_many_sessions_that_are_behind_are_read_in_a_few_statements(
    database: Database,
) -> None:
    classrooms = [await ready() for _ in range(6)]
    async with (
        streaming(at(-9), is_told=False) as streams,
        streams.rosters(classrooms) as watched,
    ):
        for number, classroom in enumerate(classrooms):
            for minutes in range(number % 3):  # some have nothing new, some several events
                await join(classroom, 1 + minutes)
        with counting() as statements:
            await streams.hubs.close_gaps()
            for number, stream in enumerate(watched):
                if number % 3:
                    assert await stream.presences() == ["IN_MEETING"]
        reads = [one for one in statements if "session_events" in one]
        assert len(reads) == 1
        for number, stream in enumerate(watched):
            if not number % 3:
                assert await stream.is_silent()


@pytest.mark.parametrize("payload", ["{}", '{"user_id": 1}'])
async def test_a_session_that_cannot_be_read_holds_up_nobody_else(
    payload: str, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    classrooms = [await ready() for _ in range(3)]
    async with (
        streaming(at(-9), is_told=False) as streams,
        streams.rosters(classrooms) as watched,
    ):
        for classroom in classrooms:
            await join(classroom)
        broken = classrooms[1].session.id
        kept = await sql.query(
            "SELECT id, payload FROM session_events WHERE session_id = $1", broken
        )
        mend = "UPDATE session_events SET payload = $1 WHERE id = $2"
        for row in kept:
            await sql.execute(mend, payload, row["id"])
        await streams.hubs.close_gaps()
        assert await watched[0].presences() == await watched[2].presences() == ["IN_MEETING"]
        assert await watched[1].is_silent()
        for row in kept:
            await sql.execute(mend, row["payload"], row["id"])
        await streams.hubs.close_gaps()
        assert await watched[1].presences() == ["IN_MEETING"]
        async with streams.hubs.watching(broken) as hub:
            numbers = [entry.row.sequence for entry in hub.after(hub.floor)]
        assert numbers == sorted(set(numbers))
    (line,) = [one for one in caplog.records if one.getMessage() == "hub not filled"]
    assert line.__dict__["session"] == broken


async def test_what_is_unread_ends_at_the_version_of_the_session_that_was_read(
    database: Database,
) -> None:
    early, late = await ready(), await ready()
    for classroom in (early, late):
        await join(classroom)
    version = (await late.now()).version
    lower = "UPDATE sessions SET version = version - 1 WHERE id = $1"
    await sql.execute(lower, late.session.id)
    asked = [Since(early.session.id, 0), Since(late.session.id, version - 2), Since(9999, 0)]
    unread = await read_unread(asked)
    assert unread.keys() == {early.session.id, late.session.id}
    numbers = [event.sequence for event in unread[early.session.id].events]
    assert numbers == list(range(1, (await early.now()).version + 1))
    assert [event.sequence for event in unread[late.session.id].events] == [version - 1]
    assert unread[early.session.id].people.keys() == {early.students[0].id}
