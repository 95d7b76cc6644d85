"""The status of webhooks: rejected, silent and forgotten ones."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

import clock
from actions.webhooks import receipts
from actions.webhooks.rejections import rejections
from domain.access import UserRole
from domain.attendance.fold import EventKind, EventSource
from domain.attendance.state import to_ms
from models import MeetingAttendanceEvent, User, WebhookReceipt, WebhookRejection
from models.database.connection import close_database, open_database
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import Served, serving_app
from tests.support.asking import Asker, asking, payload
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import PATH, send, send_raw
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until
from tests.support.statements import counting
from tests.support.ticking import ticking_with_stub

STATUS = """{ systemStatus { isHealthy clock { isRunning } webhooks {
  lastReceivedAt receivedLastHour rejectedLastHour poisonLastHour isSilent } } }"""


@pytest.fixture
async def classroom(database: Database) -> Classroom:
    return await ready()


@pytest.fixture
async def root(database: Database) -> User:
    return await make.user(None, UserRole.SUPER_ADMIN)


@pytest.fixture
async def asker(database: Database) -> AsyncIterator[Asker]:
    async with LiveKitStub() as stub, asking(livekit_api_url=stub.url) as asker:
        yield asker


async def webhooks(asker: Asker, root: User, now: datetime) -> dict[str, Any]:
    return dict(payload(await asker.ask(STATUS, root, now=now))["webhooks"])


async def refused(times: int, now: datetime) -> None:
    for _ in range(times):
        assert await send_raw(b"{}", now, token="nonsense") == 401


async def rows() -> dict[datetime, int]:
    return {row.minute: row.number for row in await WebhookRejection.all()}


async def test_the_status_counts_webhooks_without_duplicates(
    classroom: Classroom, asker: Asker, root: User
) -> None:
    event = classroom.room.joined(classroom.stay(1))
    await send(event, at(1))
    await send(event, at(3))
    await send(event | {"event": "track_published", "id": "EV_t"}, at(2))
    await send_raw(b"junk", at(2))
    assert await webhooks(asker, root, at(4)) == {
        "lastReceivedAt": "2026-03-02T11:03:00.000Z",
        "receivedLastHour": 3,
        "rejectedLastHour": 0,
        "poisonLastHour": 1,
        "isSilent": False,
    }
    assert (await webhooks(asker, root, at(70)))["receivedLastHour"] == 0


async def test_a_flood_of_refusals_costs_no_statement_and_is_a_row_a_minute(
    database: Database, asker: Asker, root: User
) -> None:
    with counting() as sent:
        await refused(50, at(0, 10))
        await refused(7, at(1, 10))
    assert sent == []
    await rejections.flush(at(1, 20))
    assert await rows() == {at(0): 50, at(1): 7}
    assert (await webhooks(asker, root, at(2)))["rejectedLastHour"] == 57


async def test_all_processes_are_added_up_and_what_is_not_written_down_counts_too(
    database: Database, asker: Asker, root: User
) -> None:
    await refused(2, at(0))
    await rejections.flush(at(0))
    await refused(3, at(0, 30))
    assert (await webhooks(asker, root, at(1)))["rejectedLastHour"] == 5
    await rejections.flush(at(1))
    assert await rows() == {at(0): 5}
    assert (await webhooks(asker, root, at(1)))["rejectedLastHour"] == 5
    assert (await webhooks(asker, root, at(61)))["rejectedLastHour"] == 0


async def test_rejections_that_could_not_be_stored_are_stored_the_next_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise OSError("gone")

    await refused(4, at(0))
    with monkeypatch.context() as patched:
        patched.setattr("actions.webhooks.rejections.sql.execute_many", fails)
        with pytest.raises(OSError, match="gone"):
            await rejections.flush(at(0))
    await rejections.flush(at(0))
    assert await rows() == {at(0): 4}


async def test_a_server_writes_down_at_its_end_what_it_refused(template: Template) -> None:
    url = await template.fresh()
    rejections.clear()
    async with LiveKitStub() as stub, serving_app(url, livekit_api_url=stub.url) as served:
        async with httpx.AsyncClient() as web:
            for _ in range(3):
                answer = await web.post(served.url + PATH, content=b"{}")
                assert answer.status_code == 401
        assert await rows() == {}
    await open_database(url)
    try:
        assert sum((await rows()).values()) == 3
    finally:
        await close_database()


async def concluded(classroom: Classroom, kind: EventKind, now: datetime) -> None:
    """Write the line that the reconciler writes when LiveKit has not told."""
    await MeetingAttendanceEvent.create(
        session_id=classroom.session.id,
        user_id=classroom.student.id,
        source_id=f"look:{kind}:{to_ms(now)}",
        kind=kind,
        source=EventSource.RECONCILER,
        occurred_ms=to_ms(now),
        received_ms=to_ms(now),
    )


async def silent(asker: Asker, root: User, now: datetime) -> bool:
    return bool((await webhooks(asker, root, now))["isSilent"])


@pytest.mark.parametrize("kind", [EventKind.SEEN, EventKind.NOT_SEEN])
async def test_livekit_is_silent_when_a_look_found_what_no_webhook_told(
    classroom: Classroom, asker: Asker, root: User, kind: EventKind
) -> None:
    assert not await silent(asker, root, at(0))
    await concluded(classroom, kind, at(1))
    assert await silent(asker, root, at(2))
    assert not await silent(asker, root, at(62))  # nobody is inside, and the line is old
    await send(classroom.room.joined(classroom.stay(3)), at(3))
    assert not await silent(asker, root, at(4))
    await concluded(classroom, kind, at(5))
    assert await silent(asker, root, at(66))  # somebody is still inside


async def test_a_room_that_we_concluded_ourselves_is_no_silence(
    classroom: Classroom, asker: Asker, root: User
) -> None:
    await concluded(classroom, EventKind.ROOM_STARTED, at(1))
    assert not await silent(asker, root, at(2))


async def test_a_receipt_ends_the_silence_as_a_line_does(
    classroom: Classroom, asker: Asker, root: User
) -> None:
    await concluded(classroom, EventKind.SEEN, at(1))
    await send(classroom.room.joined(classroom.stay(1)) | {"event": "track_published"}, at(2))
    assert not await silent(asker, root, at(3))


async def test_a_silent_livekit_is_not_healthy_and_yet_the_process_is_ready(
    template: Template,
) -> None:
    url = await template.fresh()
    async with LiveKitStub() as stub, serving_app(url, livekit_api_url=stub.url) as served:
        classroom = await ready()
        root = await make.user(None, UserRole.SUPER_ADMIN)
        await until_healthy(served, root)
        await concluded(classroom, EventKind.SEEN, clock.now())
        told = await until_silent(served, root)
        async with httpx.AsyncClient() as web:
            ready_answer = await web.get(f"{served.url}/health/ready")
    assert not told["isHealthy"]
    assert ready_answer.status_code == 200


async def status(served: Served, root: User) -> dict[str, Any]:
    return dict((await served.ask(STATUS, root))["data"]["systemStatus"])


async def until_healthy(served: Served, root: User) -> None:
    async def is_healthy() -> bool:
        return bool(see(await status(served, root))["isHealthy"])

    await until(is_healthy)


async def until_silent(served: Served, root: User) -> dict[str, Any]:
    """The status once it says that webhooks are silent."""

    async def is_silent() -> dict[str, Any] | None:
        told = see(await status(served, root))
        return told if told["webhooks"]["isSilent"] else None

    return await until(is_silent) or {}


async def test_receipts_are_forgotten_after_a_month_and_refusals_after_a_day(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "DELETE_BATCH_SIZE", 2)
    now = at(0)
    ages = (0, 29, 31, 32, 33, 34, 40)
    for days in ages:
        await WebhookReceipt.create(
            id=f"{days}", kind="x", outcome="IGNORED", received_at=now - timedelta(days=days)
        )
    for hours in (1, 23, 25):
        await WebhookRejection.create(minute=now - timedelta(hours=hours), number=1)
    await receipts.forget_old(now)
    assert sorted(row.id for row in await WebhookReceipt.all()) == ["0", "29"]
    assert len(await rows()) == 2


async def test_a_running_clock_forgets_what_is_old(database: Database) -> None:
    old = clock.now() - timedelta(days=31)
    await WebhookReceipt.create(id="old", kind="x", outcome="IGNORED", received_at=old)

    async def is_gone() -> bool:
        return not see(await WebhookReceipt.all().count())

    async with ticking_with_stub():
        await until(is_gone)
