"""Measure how late the clock moves sessions: `python -m benchmarks.transitions`. Compare ratios.

Lateness is from the due time until the change is published, after the commit. The other number is
how long ten thousand sessions take that are due at once.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

import clock
from actions.clock.sweep import advance_due
from actions.sessions.session_schedule import compute_dates
from domain.session import SessionFormat, SessionKind
from domain.status import SessionStatus
from gateways.changes import bus_in_use, listen_for_versions
from models import Academy, AttendancePolicy, Session, User, VideoSettings
from models.database.connection import close_database, open_database
from models.database.migration_runner import migrate
from tests.support import environment, make, postgres
from tests.support.livekit_stub import LiveKitStub
from tests.support.ticking import reaching, ticking

__all__ = ["environment"]  # importing it sets the environment

AHEAD = timedelta(seconds=2)
LATE_SESSIONS = 300
DUE_AT_ONCE = 10_000


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder, postgres.running() as server:
        name = f"halaqa_benchmark_{int(time.time())}"
        asyncio.run(postgres.run(server, f"CREATE DATABASE {name}"))
        yield {
            "sqlite": f"sqlite:///{Path(folder) / 'benchmark.db'}",
            "postgres": postgres.beside(server, name),
        }
        asyncio.run(postgres.run(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def measure(url: str) -> None:
    await migrate(url)
    await open_database(url)
    try:
        late = await lateness()
        sys.stdout.write(f"  {LATE_SESSIONS} scheduled {AHEAD.seconds} s ahead, late by ms: ")
        p99 = quantiles(late, n=100)[98]
        sys.stdout.write(f"p50 {median(late):.1f}, p99 {p99:.1f}, most {late[-1]:.1f}\n")
        # The order matters: sessions that make one move are due again at 600 minutes.
        for minutes, what in ((600, "three states"), (-5, "one state")):
            seconds = await at_once(minutes)
            sys.stdout.write(f"  {DUE_AT_ONCE} due at once, {what} each: {seconds:.2f} s\n")
    finally:
        await close_database()


async def lateness() -> list[float]:
    """Milliseconds, sorted, of sessions that are scheduled while the clock runs."""
    due: dict[int, datetime] = {}
    late: list[float] = []

    def heard(session_id: int, version: int) -> None:
        if version == 4:  # scheduled, ready with its meeting, and ongoing at once
            late.append((clock.now() - due[session_id]) / timedelta(milliseconds=1))

    academy = await make.academy(ready_minutes_before=0)
    teacher, student = await make.teacher(academy), await make.student(academy)
    async with LiveKitStub() as stub, reaching(stub.url) as livekit, ticking(livekit):
        listen_for_versions(bus_in_use(), heard, on_gap=lambda: None)
        for _ in range(LATE_SESSIONS):
            now = clock.now()
            row = await make.session(academy, teacher, student=student, at=now + AHEAD, now=now)
            due[row.id] = row.scheduled_at
            await asyncio.sleep(0.005)
        await asyncio.sleep(AHEAD.seconds + 1)
    if len(late) < LATE_SESSIONS:
        raise RuntimeError(f"Only {len(late)} of {LATE_SESSIONS} have moved.")
    return sorted(late)


async def at_once(minutes: int) -> float:
    """Seconds until all have moved, swept so many minutes after eleven."""
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    settings = await VideoSettings.get(academy_id=academy.id)
    policy = await AttendancePolicy.get(academy_id=academy.id)
    row = _row(academy, teacher, student, settings, policy)
    await Session.bulk_create([Session(**row) for _ in range(DUE_AT_ONCE)], batch_size=500)
    started, moved = time.perf_counter(), 0
    while (swept := await advance_due(make.ELEVEN + timedelta(minutes=minutes))).is_whole:
        moved += swept.advanced
    seconds = time.perf_counter() - started
    if moved + swept.advanced != DUE_AT_ONCE:
        raise RuntimeError(f"Not {DUE_AT_ONCE} have moved, but {moved + swept.advanced}.")
    return seconds


def _row(
    academy: Academy,
    teacher: User,
    student: User,
    settings: VideoSettings,
    policy: AttendancePolicy,
) -> dict[str, object]:
    timers = compute_dates(make.ELEVEN, 60, settings)
    return {
        "academy_id": academy.id,
        "kind": SessionKind.QURAN,
        "format": SessionFormat.INDIVIDUAL,
        "title": "Surat al-Kahf",
        "teacher_id": teacher.id,
        "student_id": student.id,
        "status": SessionStatus.SCHEDULED,
        "scheduled_at": make.ELEVEN,
        "duration_minutes": 60,
        "next_transition_at": timers["ready_at"],
        "attendance_policy": policy.stamp(),
        "created_at": make.ELEVEN,
        "updated_at": make.ELEVEN,
        **timers,
    }


def main() -> None:
    with databases() as urls:
        for name, url in urls.items():
            sys.stdout.write(f"{name}\n")
            asyncio.run(measure(url))


if __name__ == "__main__":
    main()
