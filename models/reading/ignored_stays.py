"""Stays that LiveKit lists and the reconciler ignores, read without a lock."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from domain.attendance.endings import told_ending
from domain.attendance.fold import Line
from models import MeetingAttendanceEvent, Session, User
from models.database import sql
from models.reading.attendance_log import line_of

StayKey = tuple[int, str]  # a person's id and the participant sid of one of their stays
SessionStay = tuple[int, StayKey]  # a session's id and a stay in it


async def find_ignored_stays(
    sessions: Mapping[int, Session], listed: Mapping[int, Iterable[StayKey]]
) -> set[SessionStay]:
    """Find the stays, listed by session id, that the reconciler has to ignore.

    The person is not of the session's academy, or LiveKit has said that the stay is over and its
    list lags behind. Nothing is read when nothing is listed.
    """
    stays = [(session_id, stay) for session_id, some in listed.items() for stay in some]
    ignored: set[SessionStay] = set()
    for batch in sql.batches(stays):
        people = await User.filter(id__in=sorted({user_id for _, (user_id, _) in batch}))
        academies = {user.id: user.academy_id for user in people}
        over = await _find_over(batch)
        for session_id, (user_id, sid) in batch:
            # A super admin has no academy and is known in every session.
            homes = (None, sessions[session_id].academy_id)
            is_known = user_id in academies and academies[user_id] in homes
            if not is_known or (session_id, sid) in over:
                ignored.add((session_id, (user_id, sid)))
    return ignored


async def _find_over(stays: Sequence[SessionStay]) -> set[tuple[int, str]]:
    """Find the stays that LiveKit said are over, by session id and participant sid."""
    rows = MeetingAttendanceEvent.filter(
        session_id__in=sorted({session_id for session_id, _ in stays}),
        participant_sid__in=sorted({sid for _, (_, sid) in stays}),
    )
    lines_by_stay: dict[tuple[int, str], list[Line]] = defaultdict(list)
    for row in await rows:
        line = line_of(row)
        if not line.is_report:
            lines_by_stay[row.session_id, str(row.participant_sid)].append(line)
    return {stay for stay, lines in lines_by_stay.items() if told_ending(lines, 0)}
