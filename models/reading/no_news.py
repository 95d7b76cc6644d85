"""Finds people in rooms of whom a look has nothing to conclude, without a lock."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from domain.attendance.fold import Line
from domain.attendance.stay_ends import told_end
from models import MeetingAttendanceEvent, Session, User
from models.reading.attendance_log import line_of

Place = tuple[int, str]  # a person's id and the participant sid of one of their stays
READ_AT_ONCE = 500


async def no_news(
    sessions: Mapping[int, Session], places: Mapping[int, Iterable[Place]]
) -> set[tuple[int, Place]]:
    """Of these places by session id: those of nobody of ours, and those that LiveKit told to be
    over, which its list only has not heard of yet. Nothing is read where there are none."""
    asked = [(session_id, place) for session_id, some in places.items() for place in some]
    found: set[tuple[int, Place]] = set()
    for start in range(0, len(asked), READ_AT_ONCE):
        found |= await _no_news(sessions, asked[start : start + READ_AT_ONCE])
    return found


async def _no_news(
    sessions: Mapping[int, Session], asked: list[tuple[int, Place]]
) -> set[tuple[int, Place]]:
    people = await User.filter(id__in=sorted({user_id for _, (user_id, _) in asked}))
    academies = {user.id: (user.academy_id, user.academy_id is None) for user in people}
    over = await _told_over(asked)

    def is_ours(session_id: int, user_id: int) -> bool:
        academy_id, is_anywhere = academies.get(user_id, (None, False))
        return is_anywhere or academy_id == sessions[session_id].academy_id

    return {
        (session_id, (user_id, sid))
        for session_id, (user_id, sid) in asked
        if not is_ours(session_id, user_id) or (session_id, sid) in over
    }


async def _told_over(asked: list[tuple[int, Place]]) -> set[tuple[int, str]]:
    rows = MeetingAttendanceEvent.filter(
        session_id__in=sorted({session_id for session_id, _ in asked}),
        participant_sid__in=sorted({sid for _, (_, sid) in asked}),
    )
    own: dict[tuple[int, str], list[Line]] = defaultdict(list)
    for row in await rows:
        if not (line := line_of(row)).is_report:
            own[row.session_id, str(row.participant_sid)].append(line)
    return {place for place, lines in own.items() if told_end(lines, 0)}
