"""Attendance as an operator reads it. Times are UTC."""

from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from domain.attendance.fold import Presence
from domain.attendance.state import AttendanceState, Window, from_ms, to_ms
from domain.status import LIVE
from models import MeetingAttendanceEvent, Session, User
from models.reading.rosters import read_rosters


async def overview(now: datetime) -> RenderableType:
    """The live sessions with who is in them."""
    sessions = await Session.filter(status__in=LIVE).order_by("scheduled_at", "id")
    found = await read_rosters([one.id for one in sessions])
    names = await _names(state for states in found.values() for state in states)
    table = _table("session", "status", "looked at", "in the meeting", "since", "how sure")
    for one in sessions:
        inside = [row for row in found[one.id] if row.result.presence is Presence.IN_MEETING]
        head = (f"{one.id} {one.title}", one.status, _ago(one.room_seen_at, now))
        for number, row in enumerate(inside or [None]):
            told = _inside(row, names) if row else ("nobody", "", "")
            _add(table, *(head if number == 0 else ("", "", "")), *told)
    return Group(table, f"{len(sessions)} live at {_time(now)}.")


def _inside(row: AttendanceState, names: dict[int, str]) -> tuple[str, str, str]:
    found = row.result
    return names[row.user_id], _at(found.cycles[-1].joined_ms), found.confidence


async def whole(session: Session, now: datetime, lines: int) -> RenderableType:
    """One session: its rows, their cycles, and the end of its log."""
    states = (await read_rosters([session.id]))[session.id]
    names = await _names(states)
    times = f"{_time(session.scheduled_at)} to {_time(session.ends_at)}"
    head = f"{session.id} {escape(session.title)}: {session.status}, {times}, at {_time(now)}"
    return Group(
        head,
        _rows(session, states, names, to_ms(now)),
        _cycles(states, names),
        await _log(session, lines),
    )


def _rows(
    session: Session, states: list[AttendanceState], names: dict[int, str], now_ms: int
) -> Table:
    window = Window.of(session.scheduled_at, session.ends_at)
    table = _table("person", "presence", "seconds", "joins", "status", "override", "how sure")
    for row in states:
        found, said = row.result, row.result.override
        status = f"{found.status or '-'}{' final' if row.is_final else ''}"
        note = f"{said.status}: {said.note}" if said else ""
        seconds = str(row.total_ms(window, now_ms) // 1000)
        name = names[row.user_id] + ("" if row.is_expected else " (not expected)")
        joins = str(found.join_count)
        _add(table, name, found.presence, seconds, joins, status, note, found.confidence)
    return table


def _cycles(states: list[AttendanceState], names: dict[int, str]) -> Table:
    table = _table("person", "from", "opened by", "to", "closed by", "how sure")
    for row in states:
        for one in row.result.cycles:
            left = "-" if one.left_ms is None else _at(one.left_ms)
            told = (_at(one.joined_ms), one.opened_by, left, one.closed_by or "-", one.confidence)
            _add(table, names[row.user_id], *told)
    return table


async def _log(session: Session, lines: int) -> Table:
    log = MeetingAttendanceEvent.filter(session_id=session.id).order_by("-id").limit(lines)
    table = _table("happened", "arrived", "what", "who says so", "person", "connection", "more")
    for line in (await log)[::-1]:
        more = line.disconnect_reason or line.override_status or ""
        if line.alive_ms is not None:
            more = f"alive {_at(line.alive_ms)}"
        _add(
            table,
            _at(line.occurred_ms),
            _at(line.received_ms),
            line.kind,
            line.source,
            str(line.user_id or "the room"),
            line.participant_sid or line.room_sid or "",
            more,
        )
    return table


async def _names(states: Iterable[AttendanceState]) -> dict[int, str]:
    ids = {state.user_id for state in states}
    return {one.id: f"{one.id} {one.display_name}" for one in await User.filter(id__in=ids)}


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(escape(cell) for cell in cells))


def _time(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}Z"


def _at(ms: int) -> str:
    return _time(from_ms(ms))


def _ago(moment: datetime | None, now: datetime) -> str:
    return "never" if moment is None else f"{(now - moment).total_seconds():.0f} s ago"
