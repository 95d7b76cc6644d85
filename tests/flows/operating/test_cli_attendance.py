"""`attendance …`: shows who is inside and why, and recalculates."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import typer
from typer.testing import CliRunner

import clock
from actions.attendance.overrides import Wish, override_attendance
from actions.clock.sweep import advance_due
from cli.attendance import attendance_commands
from cli.sessions import session_commands
from cli.webhook_trial import simulations
from cli.webhooks import webhook_commands
from domain.attendance.fold import ATTENDANCE_RULE, FIRST_RULE, AttendanceStatus
from domain.status import SessionStatus
from models import Academy, MeetingAttendance, Session, User
from models.database.connection import close_database, open_database
from tests.conftest import Template
from tests.support import make
from tests.support.attendance_rows import as_text
from tests.support.command import Ended, configured, run, started
from tests.support.livekit_events import Room, Stay, send
from tests.support.patience import within


class Scene:
    """A session of one student that started ten minutes ago, with the student inside."""

    def __init__(self, url: str, session: Session, student: User) -> None:
        self.env = configured(url)
        self.session, self.student = session, student

    async def run(self, *arguments: str) -> Ended:
        return await run("attendance", *arguments, env=self.env)


@pytest.fixture
async def scene(template: Template) -> AsyncIterator[Scene]:
    url = await template.fresh()
    await open_database(url)
    academy = await make.academy("noor")
    teacher, student = await make.teacher(academy), await make.student(academy)
    now = clock.now()
    started_at = now - timedelta(minutes=10)
    made = await make.session(academy, teacher, student=student, at=started_at, now=started_at)
    await advance_due(now)
    room = Room(made, started_at)
    await send(room.joined(Stay(student, started_at)), now)
    wish = Wish(AttendanceStatus.LATE, "The bus [red].")
    await override_attendance(make.viewer(teacher), made.id, student.id, wish, now)
    yield Scene(url, await Session.get(id=made.id), student)
    await close_database()


async def test_the_live_sessions_and_who_is_in_them(scene: Scene) -> None:
    ended = await scene.run("debug")
    assert (ended.code, ended.err) == (0, "")
    assert "1 live at" in ended.out
    assert str(scene.student.display_name).split()[-1] in ended.out


async def test_one_session_with_its_rows_cycles_and_log(scene: Scene) -> None:
    ended = await scene.run("debug", str(scene.session.id))
    assert (ended.code, ended.err) == (0, "")
    for word in ("IN_MEETING", "LATE", "JOINED", "ROOM_STARTED", "OVERRIDE", "PERSON", "CONFIRMED"):
        assert word in ended.out, word
    assert "held" not in ended.out
    assert re.search(r"at least s +counted s +at most s", ended.out)
    row = await MeetingAttendance.get(participant__user_id=scene.student.id)
    bounds = {"at_least_ms": 0, "at_least_since_ms": None}
    row.bounds = bounds | {"at_most_ms": 9_000, "at_most_since_ms": None}
    row.joined_since_ms, row.closed_ms, row.needs_review = None, 6_000, True
    await row.save()
    await Session.filter(id=scene.session.id).update(
        status=SessionStatus.COMPLETED, ended_at=scene.session.ends_at, opened_at=None
    )
    ended = await scene.run("debug", str(scene.session.id))
    assert re.search(r" 0 +6 +9 +1 +LATE, needs review ", ended.out)
    assert ", held 0 s, at " in ended.out


async def test_an_unknown_session_is_told_in_one_sentence(scene: Scene) -> None:
    ended = await scene.run("debug", "4711")
    assert (ended.code, ended.err) == (1, "There is no session 4711.\n")


async def test_attendance_debug_watch_draws_until_it_is_interrupted(scene: Scene) -> None:
    arguments = ("attendance", "debug", str(scene.session.id), "--watch")
    async with started(*arguments, env=scene.env) as process:
        assert process.stdout is not None
        async with within(20, "a line of the command"):
            assert await process.stdout.readline()


async def test_wrong_rows_are_recalculated_and_counted(scene: Scene) -> None:
    rows = await as_text()
    assert (await scene.run("recalculate")).out == "1 checked, 0 changed, 0 failed.\n"
    await MeetingAttendance.filter(session_id=scene.session.id).update(join_count=7)
    wrong = await as_text()
    ended = await scene.run("recalculate", "--dry-run", "--verbose")
    assert ended.out == (
        f"{scene.session.id}  1 rows, 1 facts\n1 checked, 1 would change, 0 failed.\n"
    )
    assert await as_text() == wrong
    assert (await scene.run("recalculate", "--kind", "ACADEMIC")).out.startswith("0 checked")
    ended = await scene.run("recalculate", str(scene.session.id), "--academy", "noor")
    assert ended.out == "1 checked, 1 changed, 0 failed.\n"
    assert await as_text() == rows
    for other in (("--kind", "ACADEMIC"), ("--academy", (await make.academy()).slug)):
        ended = await scene.run("recalculate", str(scene.session.id), *other)
        assert (ended.code, ended.err) == (1, f"There is no session {scene.session.id} of these.\n")


async def test_a_cache_of_which_nobody_is_told_is_counted_too(scene: Scene) -> None:
    await MeetingAttendance.filter(session_id=scene.session.id).update(open_sids=["PA_wrong"])
    ended = await scene.run("recalculate", "--verbose")
    assert ended.out == f"{scene.session.id}  1 rows, 0 facts\n1 checked, 1 changed, 0 failed.\n"


async def test_a_cancelled_session_that_had_opened_is_recalculated_too(scene: Scene) -> None:
    academy = await Academy.get()
    teacher, student = await make.teacher(academy), await make.student(academy)
    late = clock.now() + timedelta(days=2)
    await make.session(academy, teacher, student=student, at=late, now=clock.now())
    await Session.filter(id=scene.session.id).update(status=SessionStatus.CANCELLED)
    assert (await scene.run("recalculate")).out == "1 checked, 1 changed, 0 failed.\n"
    assert (await scene.run("recalculate")).out == "1 checked, 0 changed, 0 failed.\n"


async def test_a_result_of_an_earlier_release_is_judged_by_the_present_rules(scene: Scene) -> None:
    number, rule = scene.session.id, ATTENDANCE_RULE
    await Session.filter(id=number).update(
        status=SessionStatus.COMPLETED,
        ended_at=scene.session.ends_at,
        finalised_at=scene.session.ends_at,
        attendance_rule=FIRST_RULE,
    )
    said = f"{number}  2 rows, 2 facts, judged by rule {rule}, before by rule {FIRST_RULE}\n"
    ended = await scene.run("recalculate", "--dry-run", "--verbose")
    assert ended.out == f"{said}1 checked, 1 would change, 0 failed.\n"
    assert (await Session.get(id=number)).attendance_rule == FIRST_RULE
    ended = await scene.run("recalculate", "--verbose")
    assert ended.out == f"{said}1 checked, 1 changed, 0 failed.\n"
    assert (await Session.get(id=number)).attendance_rule == rule
    assert (await scene.run("recalculate")).out == "1 checked, 0 changed, 0 failed.\n"


async def test_one_session_in_trouble_keeps_no_other_from_being_computed(scene: Scene) -> None:
    academy = await Academy.get()
    teacher, student = await make.teacher(academy), await make.student(academy)
    now = clock.now()
    other = await make.session(academy, teacher, student=student, at=now, now=now)
    await advance_due(now)
    await Session.filter(id=scene.session.id).update(attendance_policy={"no_such_rule": 1})
    await MeetingAttendance.filter(session_id=scene.session.id).update(join_count=7)
    ended = await scene.run("recalculate", "--verbose")
    assert ended.code == 1
    assert ended.out.startswith(f"{scene.session.id}  failed: TypeError(")
    assert ended.out.endswith("2 checked, 0 changed, 1 failed.\n")
    assert other.id > scene.session.id


async def test_an_academy_that_is_not_there_is_said(scene: Scene) -> None:
    for arguments in (("attendance", "recalculate"), ("webhooks", "activity")):
        ended = await run(*arguments, "--academy", "nope", env=scene.env)
        assert (ended.code, ended.err) == (1, "There is no such academy.\n")


@pytest.mark.parametrize(
    ("number", "said"),
    [(2**31, "less than or equal to 2147483647"), (0, "greater than or equal to 1")],
)
@pytest.mark.parametrize(
    "command",
    [
        "attendance debug {}",
        "attendance recalculate {}",
        "sessions show {}",
        "webhooks activity --session {}",
        "simulate join {} --user 1",
        "simulate join 1 --user {}",
    ],
)
def test_a_number_that_no_row_can_have_is_refused(command: str, number: int, said: str) -> None:
    program = typer.Typer()
    program.add_typer(attendance_commands, name="attendance")
    program.add_typer(session_commands, name="sessions")
    program.add_typer(webhook_commands, name="webhooks")
    program.add_typer(simulations, name="simulate")
    ended = CliRunner().invoke(program, command.format(number).split())
    assert ended.exit_code == 2
    assert said in " ".join(ended.output.replace("│", " ").split())
