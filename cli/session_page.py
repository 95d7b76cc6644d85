"""Describes one session line by line: for the operator's terminal, not for logs."""

from datetime import datetime

from domain.event import SessionEventKind
from domain.session import WorkKind
from models import DueWork, Session, SessionEvent, User
from models.reading.rosters import read_rosters
from models.reading.stuck import read_signs, stuck_of

EVENTS_SHOWN = 15
WORK_OF_PEOPLE = (WorkKind.EXPIRE_REPORT, WorkKind.REMOVE_PERSON)  # their subject is a participant


async def page_of(session: Session, now: datetime) -> list[str]:
    """Describe a session that was read with its academy and teacher."""
    lines = _row_lines(session, now)

    signs = (await read_signs([session.id]))[session.id]
    stuck = stuck_of(session, signs, now)
    if stuck is None:
        lines.append("  stuck      no")
    else:
        since = f"{stuck.reason} since {_at(stuck.since)}"
        lines.append(f"  stuck      {since} {stuck.detail or ''}".rstrip())

    due_work = DueWork.filter(subject=session.id).exclude(kind__in=WORK_OF_PEOPLE)
    for work in await due_work.order_by("due_at"):
        failed = f", failed {work.attempts} times: {work.last_error}" if work.attempts else ""
        lines.append(f"  work       {work.kind} due {_at(work.due_at)}{failed}")

    states = (await read_rosters([session.id])).get(session.id, [])
    users = await User.filter(id__in=[state.user_id for state in states])
    names = {user.id: user.display_name for user in users}
    for state in states:
        status = state.result.status or ("expected" if state.is_expected else "not expected")
        person = f"{state.role:<9}  {names[state.user_id]} ({state.user_id})"
        lines.append(f"  {person}: {state.result.presence}, {status}")

    events = SessionEvent.filter(session_id=session.id).order_by("-sequence").limit(EVENTS_SHOWN)
    for event in reversed(await events):
        line = f"  {event.sequence:>9}  {_at(event.occurred_at)}  {event.kind}"
        if event.kind is SessionEventKind.STATUS_CHANGED:
            move = event.payload
            line += f" {move['from']} to {move['to']}, {move['cause']}"
        lines.append(line)
    return lines


def _row_lines(session: Session, now: datetime) -> list[str]:
    """Describe what the session's own row holds: its times, its status and its meeting."""
    lines = [
        f"{session.title} ({session.kind}, {session.format}, version {session.version})",
        f"  academy    {session.academy.slug}",
        f"  teacher    {session.teacher.display_name} ({session.teacher_id})",
        f"  status     {session.status}",
        f"  scheduled  {_at(session.scheduled_at)} to {_at(session.ends_at)}",
        f"  ready      {_at(session.ready_at)}, completes {_at(session.completes_at)}",
        f"  began      {_at(session.started_at)}, ended {_at(session.ended_at)}",
        f"  final      {_at(session.finalised_at)}",
    ]
    if session.next_transition:
        status, at = session.next_transition
        late = ", late" if session.is_overdue(now) else ""
        lines.append(f"  next       {status} at {_at(at)}{late}")
    if session.kept_open_until:
        lines.append(f"  kept open  until {_at(session.kept_open_until)}")
    if session.last_error:
        lines.append(f"  error      {session.last_error}, parked until {_at(session.parked_until)}")
    if session.meeting_id is None:
        refusal = session.meeting_refusal
        why = "none"
        if refusal:
            why = f"{refusal['code']}, again at {refusal['retryAt'] or 'no time'}"
        return [*lines, "  meeting    none", f"  refusal    {why}"]
    error = f", {session.room_error}" if session.room_error else ""
    return [
        *lines,
        f"  meeting    {session.meeting_id}, {session.meeting_source}, {session.meeting_link}",
        f"  lasts      {_at(session.meeting_created_at)} to {_at(session.meeting_expires_at)}, "
        f"ended {_at(session.meeting_ended_at)}",
        f"  room       {session.room_name} {session.room_sid or ''}".rstrip(),
        f"  confirmed  {_at(session.room_ready_at)}, seen {_at(session.room_seen_at)}{error}",
    ]


def _at(moment: datetime | None) -> str:
    return f"{moment:%F %T}Z" if moment else "not yet"
