"""All about one session, line by line: for the operator's terminal, not for logs."""

from datetime import datetime

from domain.attendance.state import AttendanceState
from domain.event import SessionEventKind
from domain.session import WorkKind
from models import DueWork, Session, SessionEvent, User
from models.reading.rosters import read_rosters
from models.reading.stuck import read_works, stuck_of

EVENTS = 15
OF_PEOPLE = (WorkKind.EXPIRE_REPORT, WorkKind.REMOVE_PERSON)  # whose subject is a participant


async def page_of(session: Session, now: datetime) -> list[str]:
    """`session` with its academy and teacher."""
    return [
        f"{session.title} ({session.kind}, {session.format}, version {session.version})",
        f"  academy    {session.academy.slug}",
        f"  teacher    {session.teacher.display_name} ({session.teacher_id})",
        *_timeline(session, now),
        *_meeting(session),
        *await _trouble(session, now),
        *await _work(session),
        *await _roster(session),
        *await _events(session),
    ]


def _timeline(session: Session, now: datetime) -> list[str]:
    following = session.next_transition
    late = ", late" if session.is_overdue(now) else ""
    lines = [
        f"  status     {session.status}",
        f"  scheduled  {_at(session.scheduled_at)} to {_at(session.ends_at)}",
        f"  ready      {_at(session.ready_at)}, completes {_at(session.completes_at)}",
        f"  began      {_at(session.started_at)}, ended {_at(session.ended_at)}",
        f"  final      {_at(session.finalised_at)}",
    ]
    if following:
        lines.append(f"  next       {following[0]} at {_at(following[1])}{late}")
    if session.kept_open_until:
        lines.append(f"  kept open  until {_at(session.kept_open_until)}")
    if session.last_error:
        lines.append(f"  error      {session.last_error}, parked until {_at(session.parked_until)}")
    return lines


def _meeting(session: Session) -> list[str]:
    refusal = session.meeting_refusal
    said = f"{refusal['code']}, again at {refusal['retryAt'] or 'no time'}" if refusal else "none"
    if session.meeting_id is None:
        return ["  meeting    none", f"  refusal    {said}"]
    return [
        f"  meeting    {session.meeting_id}, {session.meeting_source}, {session.meeting_link}",
        f"  lasts      {_at(session.meeting_created_at)} to {_at(session.meeting_expires_at)}, "
        f"ended {_at(session.meeting_ended_at)}",
        f"  room       {session.room_name} {session.room_sid or ''}".rstrip(),
        f"  confirmed  {_at(session.room_ready_at)}, seen {_at(session.room_seen_at)}"
        + (f", {session.room_error}" if session.room_error else ""),
    ]


async def _trouble(session: Session, now: datetime) -> list[str]:
    works = (await read_works([session.id])).get(session.id, {})
    found = stuck_of(session, works, now)
    if found is None:
        return ["  stuck      no"]
    return [f"  stuck      {found.reason} since {_at(found.since)} {found.detail or ''}".rstrip()]


async def _work(session: Session) -> list[str]:
    rows = DueWork.filter(subject=session.id).exclude(kind__in=OF_PEOPLE).order_by("due_at")
    return [f"  work       {_planned(row)}" for row in await rows]


def _planned(row: DueWork) -> str:
    failed = f", failed {row.attempts} times: {row.last_error}" if row.attempts else ""
    return f"{row.kind} due {_at(row.due_at)}{failed}"


async def _roster(session: Session) -> list[str]:
    states = (await read_rosters([session.id])).get(session.id, [])
    users = await User.filter(id__in=[state.user_id for state in states])
    names = {user.id: user.display_name for user in users}
    return [_row(state, names[state.user_id]) for state in states]


def _row(state: AttendanceState, name: str) -> str:
    status = state.result.status or ("expected" if state.is_expected else "not expected")
    return f"  {state.role:<9}  {name} ({state.user_id}): {state.result.presence}, {status}"


async def _events(session: Session) -> list[str]:
    rows = SessionEvent.filter(session_id=session.id).order_by("-sequence").limit(EVENTS)
    return [_event(row) for row in reversed(await rows)]


def _event(row: SessionEvent) -> str:
    said = f"  {row.sequence:>9}  {_at(row.occurred_at)}  {row.kind}"
    if row.kind is not SessionEventKind.STATUS_CHANGED:
        return said
    return f"{said} {row.payload['from']} to {row.payload['to']}, {row.payload['cause']}"


def _at(moment: datetime | None) -> str:
    return f"{moment:%F %T}Z" if moment else "not yet"
