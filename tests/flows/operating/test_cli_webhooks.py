"""`webhooks …`: shows LiveKit's webhooks as they arrive, and simulates them."""

import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

import clock
from actions.clock.sweep import advance_due
from models import MeetingAttendanceEvent, Session, User
from tests.conftest import Template
from tests.support import make
from tests.support.app import Served, serving_app
from tests.support.attendance_rows import state
from tests.support.command import Ended, configured, run, started
from tests.support.livekit_events import Room, Stay, send
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import within


class Scene:
    """A session that started an hour ago, a server, and the operator's commands."""

    def __init__(self, served: Served, url: str, session: Session, student: User) -> None:
        self.door = f"{served.url}/webhooks/livekit"
        self.env = configured(url)
        self.session, self.student = session, student

    async def simulate(self, what: str, *options: str, user: int | None = None) -> Ended:
        who = ("--user", str(user or self.student.id), "--url", self.door)
        return await run(
            "webhooks", "simulate", what, str(self.session.id), *who, *options, env=self.env
        )

    async def activity(self, *options: str) -> Ended:
        return await run("webhooks", "activity", *options, env=self.env)


@pytest.fixture
async def scene(template: Template) -> AsyncIterator[Scene]:
    url = await template.fresh()
    async with LiveKitStub() as stub, serving_app(url, livekit_api_url=stub.url) as served:
        academy = await make.academy("noor")
        teacher, student = await make.teacher(academy), await make.student(academy)
        now = clock.now()
        started_at = now - timedelta(hours=1)
        made = await make.session(
            academy, teacher, student=student, at=started_at, minutes=120, now=now
        )
        await advance_due(now)
        yield Scene(served, url, await Session.get(id=made.id), student)


async def test_a_simulated_join_and_leave_change_the_presence(scene: Scene) -> None:
    joined = await scene.simulate("join", "--minutes", "10")
    assert (joined.code, joined.err) == (0, "")
    assert re.search(r"participant_joined +\d\d:\d\d:\d\dZ  APPLIED", joined.out)
    assert "IN_MEETING, 1 joins, 0 leaves, 1 cycles" in joined.out
    left = await scene.simulate("leave")
    assert (left.code, left.err) == (0, "")
    assert "LEFT, 1 joins, 1 leaves, 1 cycles" in left.out
    seconds = int(re.findall(r"(\d+) s that count", left.out)[0])
    assert 600 <= seconds < 660
    again = await scene.simulate("leave")
    assert (again.code, "nobody can leave" in again.err) == (1, True)


async def test_a_cycle_is_three_stays(scene: Scene) -> None:
    ended = await scene.simulate("cycle", "--minutes", "30")
    assert ended.code == 0, ended.err
    assert "LEFT, 3 joins, 3 leaves, 3 cycles" in ended.out
    stays = await state(scene.session.id, scene.student)
    assert 1300 < stays.result.closed_ms / 1000 < 1520  # 24 of the 30 minutes


async def test_a_short_stay_is_under_a_minute(scene: Scene) -> None:
    ended = await scene.simulate("short")
    assert "LEFT, 1 joins, 1 leaves, 1 cycles" in ended.out
    assert 39 <= int(re.findall(r"(\d+) s that count", ended.out)[0]) < 60


async def test_the_room_that_is_there_is_the_one_that_is_told_of(scene: Scene) -> None:
    await scene.simulate("join", "--minutes", "10")
    sid = (await Session.get(id=scene.session.id)).room_sid
    await scene.simulate("short")
    lines = await MeetingAttendanceEvent.filter(kind="JOINED")
    assert {line.room_sid for line in lines} == {sid}


async def test_a_stranger_is_told_to_be_poison(scene: Scene) -> None:
    stranger = await make.student(await make.academy())
    ended = await scene.simulate("join", user=stranger.id)
    assert ended.code == 1
    assert "POISON: nobody of this academy" in ended.out
    assert "They have no attendance in this session." in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("join", "999999", "--user", "1"), "There is no such session."),
        (("join", "1", "--user", "999999"), "There is no such user."),
        (("join", "1", "--user", "1", "--url", "http://127.0.0.1:1/x"), "does not answer"),
    ],
)
async def test_a_simulation_that_is_not_possible_says_why_in_a_sentence(
    scene: Scene, arguments: tuple[str, ...], said: str
) -> None:
    real = {"1": str(scene.session.id)}
    sent = [real.get(word, word) for word in arguments[:2]] + list(arguments[2:])
    if sent[3] == "1":
        sent[3] = str(scene.student.id)
    ended = await run("webhooks", "simulate", *sent, env=scene.env)
    assert ended.code == 1
    assert said in ended.err
    assert "Traceback" not in ended.err


async def test_a_simulation_signed_with_another_key_gets_401(scene: Scene) -> None:
    scene.env["HALAQA_LIVEKIT_API_SECRET"] = "another-secret-than-the-servers-own"
    ended = await scene.simulate("join")
    assert (ended.code, "answered 401" in ended.err) == (1, True)


async def test_activity_shows_what_became_of_each_and_the_newest_last(scene: Scene) -> None:
    await scene.simulate("join")
    stranger = await make.student(await make.academy("other"))
    await scene.simulate("join", user=stranger.id)
    ended = await scene.activity()
    assert (ended.code, ended.err) == (0, "")
    *lines, count = ended.out.splitlines()
    assert "POISON" in lines[-1]
    assert "(nobody of this academy)" in lines[-1]
    assert f"session {scene.session.id}  user {scene.student.id}" in lines[-2]
    assert count == f"{len(lines)} shown."
    assert scene.student.first_name not in ended.out


async def test_activity_can_be_of_one_academy_or_session(scene: Scene) -> None:
    await scene.simulate("join")
    assert "participant_joined" in (await scene.activity("--academy", "noor")).out
    await make.academy("empty")
    assert (await scene.activity("--academy", "empty")).out == "0 shown.\n"
    of_session = await scene.activity("--session", str(scene.session.id))
    assert "participant_joined" in of_session.out
    assert (await scene.activity("--session", "999999")).out == "0 shown.\n"
    nowhere = await scene.activity("--academy", "nowhere")
    assert (nowhere.code, nowhere.err) == (1, "There is no such academy.\n")


async def test_watching_goes_on_with_what_comes_each_once(scene: Scene) -> None:
    now = clock.now()
    room = Room(scene.session, scene.session.scheduled_at)
    first, *others = (room.joined(Stay(scene.student, now)) for _ in range(4))
    await send(first, now)
    watching = ("webhooks", "activity", "--watch", "--session", str(scene.session.id))
    async with started(*watching, env=scene.env | {"PYTHONUNBUFFERED": "1"}) as process:
        await line_of(process)
        for event in others:
            await send(event | {"event": f"new_{event['id']}"}, clock.now())
        told = [await line_of(process) for _ in others]
        assert [f"new_{event['id']}" in line for event, line in zip(others, told, strict=True)] == [
            True
        ] * 3


async def line_of(process: Process) -> str:
    assert process.stdout
    async with within(20, "a line of the command"):
        return (await process.stdout.readline()).decode()
