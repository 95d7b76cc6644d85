"""Draws attendance for an operator, as tables. Times are UTC."""

from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from domain.attendance.fold import Presence
from domain.attendance.state import AttendanceState, Window, to_ms
from domain.limits import moment_at
from domain.status import LIVE
from models import MeetingAttendanceEvent, Session, User
from models.reading.attendance_log import held_ms, window_of
from models.reading.rosters import read_rosters


async def overview(now: datetime) -> RenderableType:
    """Draw the live sessions with the people in their meetings."""
    sessions = await Session.filter(status__in=LIVE).order_by("scheduled_at", "id")
    states = await read_rosters([session.id for session in sessions])
    names = await _names(state for found in states.values() for state in found)
    table = _table("session", "status", "looked at", "in the meeting", "since", "how sure")
    for session in sessions:
        seen_at = session.room_seen_at
        seen = "never" if seen_at is None else f"{(now - seen_at).total_seconds():.0f} s ago"
        head = [f"{session.id} {session.title}", str(session.status), seen]
        inside = [
            [names[state.user_id], _at(state.result.cycles[-1].joined_ms), state.result.confidence]
            for state in states[session.id]
            if state.result.presence is Presence.IN_MEETING
        ]
        for person in inside or [["nobody", "", ""]]:
            _add(table, *head, *person)
            head = ["", "", ""]
    return Group(table, f"{len(sessions)} live at {_time(now)}.")


async def tables_of(session: Session, now: datetime, lines: int) -> RenderableType:
    """Draw one session: its people, their cycles, and the last `lines` of its log."""
    states = (await read_rosters([session.id]))[session.id]
    names = await _names(states)
    times = f"{_time(session.scheduled_at)} to {_time(session.ends_at)}"
    held = held_ms(session)
    class_held = "" if held is None else f", held {held // 1000} s"
    head = f"{session.id} {escape(session.title)}: {session.status}, {times}{class_held}"

    cycles = _table("person", "from", "opened by", "to", "closed by", "how sure")
    for state in states:
        for one in state.result.cycles:
            left = "-" if one.left_ms is None else _at(one.left_ms)
            cells = (_at(one.joined_ms), one.opened_by, left, one.closed_by or "-", one.confidence)
            _add(cycles, names[state.user_id], *cells)

    latest = MeetingAttendanceEvent.filter(session_id=session.id).order_by("-id").limit(lines)
    log = _table("happened", "arrived", "what", "who says so", "person", "connection", "more")
    for line in reversed(await latest):
        moments = (_at(line.occurred_ms), _at(line.received_ms))
        person = str(line.user_id or "the room")
        connection = line.participant_sid or line.room_sid or ""
        more = line.disconnect_reason or line.override_status or ""
        if line.alive_ms is not None:
            more = f"alive {_at(line.alive_ms)}"
        _add(log, *moments, line.kind, line.source, person, connection, more)
    people = _people(states, names, window_of(session), to_ms(now))
    return Group(f"{head}, at {_time(now)}", people, cycles, log)


def _people(
    states: Iterable[AttendanceState], names: dict[int, str], window: Window, now_ms: int
) -> Table:
    people = _table(
        *("person", "presence", "at least s", "counted s", "at most s", "joins"),
        *("status", "override", "how sure"),
    )
    for state in states:
        result, override = state.result, state.result.override
        status = f"{result.status or '-'}{' final' if state.is_final else ''}"
        _add(
            people,
            names[state.user_id] + ("" if state.is_expected else " (not expected)"),
            result.presence,
            str(state.at_least_ms(window, now_ms) // 1000),
            str(state.total_ms(window, now_ms) // 1000),
            str(state.at_most_ms(window, now_ms) // 1000),
            str(result.join_count),
            f"{status}, needs review" if result.needs_review else status,
            f"{override.status}: {override.note}" if override else "",
            result.confidence,
        )
    return people


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
    return _time(moment_at(ms))
