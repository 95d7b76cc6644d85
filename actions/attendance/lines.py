"""Lines of the attendance log: how each kind of them is made and stored."""

from typing import Any

from actions.writing.draft import Draft
from domain.attendance.fold import EventKind, EventSource
from domain.attendance.state import to_ms
from models import MeetingAttendanceEvent
from models.database import sql


async def insert_line(line: MeetingAttendanceEvent) -> bool:
    """Add the line to the log; return False if its `source_id` is there already."""
    names = [name for name in line._meta.fields_db_projection if name != "id"]
    statement = (
        f"INSERT INTO meeting_attendance_events ({', '.join(names)}) "
        f"VALUES ({sql.places(len(names))}) ON CONFLICT (source_id) DO NOTHING"
    )
    fields = line._meta.fields_map
    values = [fields[name].to_db_value(getattr(line, name), line) for name in names]
    return bool(await sql.execute(statement, *values))


def room_line(
    session_id: int, room_sid: str, created_ms: int, *, received_ms: int, alive_ms: int | None
) -> MeetingAttendanceEvent:
    """Make the ROOM_STARTED that we conclude ourselves: one per room, whoever sees it first."""
    return MeetingAttendanceEvent(
        session_id=session_id,
        source_id=f"room:{room_sid}",
        kind=EventKind.ROOM_STARTED,
        source=EventSource.RECONCILER,
        occurred_ms=created_ms,
        received_ms=received_ms,
        room_sid=room_sid,
        room_created_ms=created_ms,
        alive_ms=alive_ms,
    )


def new_line(
    draft: Draft, kind: EventKind, source: EventSource, user_id: int, **values: Any
) -> MeetingAttendanceEvent:
    """Make a line of now, without a `source_id`: `append_line` gives it one."""
    now_ms = to_ms(draft.now)
    given = {"occurred_ms": now_ms, "received_ms": now_ms, "source_id": "", **values}
    return MeetingAttendanceEvent(
        session_id=draft.session.id, user_id=user_id, kind=kind, source=source, **given
    )


async def append_line(line: MeetingAttendanceEvent) -> None:
    """Number the line and add it to the log. The caller holds the session's lock.

    The number counts this source's lines about this person: of two lines in the same millisecond
    the later one has the greater `source_id`.
    """
    earlier = MeetingAttendanceEvent.filter(
        session_id=line.session_id, user_id=line.user_id, source=line.source
    )
    number = await earlier.count()
    what = f"{line.kind}:{line.participant_sid or ''}"
    line.source_id = f"{line.source}:{line.session_id}:{line.user_id}:{number:06}:{what}".lower()
    await insert_line(line)
