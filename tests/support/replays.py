"""A recording of a real livekit-server, sent to our door for a session of ours.

Times are milliseconds after the session's start, which stands for the recording's own second 0."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from domain.attendance.fold import AttendanceStatus, Confidence, CycleEnd, CycleStart
from domain.attendance.state import from_ms, to_ms
from domain.rooms import participant_identity
from models import Session, User
from tests.support import make, recordings
from tests.support.attendance_rows import state, visits
from tests.support.livekit_events import send_raw

START = make.ELEVEN
BASE = {"class": 1_795_233_900_000, "sfu-killed": 1_795_234_000_000}
# A session of three minutes: late after one, present from 5 %, partial from 1 %.
POLICY = {"late_after_minutes": 1, "present_from_percent": 5, "partial_from_percent": 1}
VISITOR = "22_Quick_Leaver"

Request = tuple[int, bytes]  # the arrival in ms since the epoch, and the body
Cycle = tuple[int, int | None, CycleEnd | None]
# Cycles, counted milliseconds, confidence, final status.
Row = tuple[list[Cycle], int, Confidence, AttendanceStatus | None]


@dataclass(frozen=True, slots=True)
class Replay:
    """A recording sent for a session of ours, with people of ours."""

    name: str
    session: Session
    people: dict[str, User]

    def requests(self) -> list[Request]:
        shift_ms = to_ms(START) - BASE[self.name]
        return recordings.bodies(
            self.name,
            shift_ms,
            str(self.session.room_name),
            identities={
                who: participant_identity(user.id, user.first_name, user.last_name)
                for who, user in self.people.items()
            },
        )

    async def rows(self) -> dict[str, Row]:
        found = {}
        for who, user in self.people.items():
            row = await state(self.session.id, user)
            opened = {opened for _, _, opened, _ in visits(row, START)}
            assert opened <= {CycleStart.JOINED, CycleStart.LEFT_ONLY}
            cycles = [(came, left, end) for came, left, _, end in visits(row, START)]
            assert (row.result.join_count, row.result.leave_count) == (
                len(cycles),
                sum(left is not None for _, left, _ in cycles),
            )
            found[who] = (cycles, row.result.closed_ms, row.result.confidence, row.result.status)
        return found


async def replay(name: str, who: Sequence[str], *, minutes: int = 3, **policy: int) -> Replay:
    """A circle's session: the first of `who` teaches, a visitor is not a member, the others are."""
    academy = await make.academy(None, **POLICY | policy)
    teacher, visitor = await make.teacher(academy), await make.student(academy)
    others = [await make.student(academy) for name in who[1:] if name != VISITOR]
    circle = await make.group(academy, teacher, *others)
    session = await make.session(academy, teacher, group=circle, minutes=minutes)
    await advance_due(START - timedelta(minutes=10))
    students = iter(others)
    people = {name: visitor if name == VISITOR else next(students) for name in who[1:]}
    session = await Session.get(id=session.id)
    return Replay(name, session, {who[0]: teacher} | people)


async def tell(requests: list[Request]) -> None:
    for now_ms, body in requests:
        assert await send_raw(body, from_ms(now_ms)) == 200


async def end(session: Session) -> None:
    await advance_due(session.completes_at)
    await finalise_attendance(session.id, session.completes_at + timedelta(seconds=10))
