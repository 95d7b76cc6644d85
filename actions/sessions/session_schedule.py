"""Schedules sessions: all of a call or none, and for the same key the same session."""

from collections.abc import Hashable
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from actions.sessions.conflicts import find_conflicts, lock_refusing
from actions.sessions.session_input import (
    SessionInput,
    check_combination,
    check_own,
    check_students,
    check_teacher,
    cleaned_texts,
    digest_of,
    hold_row,
    input_of,
)
from actions.writing.bulk import Refusals, check_count, check_named_once, retried_if_raced
from actions.writing.draft import Draft
from actions.writing.meeting import make_meeting_in_time
from actions.writing.moves import advance
from actions.writing.search_words import write_words
from actions.writing.stream import read_teacher_settings, write
from domain.access import Permit, UserRole, Viewer
from domain.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidInputError,
    RefusedError,
)
from domain.event import SessionEventKind
from domain.status import SessionStatus, Timeline
from models import (
    Academy,
    Session,
    SessionEvent,
    SessionParticipant,
    VideoSettings,
)
from models.database.atomic import atomic
from models.reading.rosters import Part, read_students

AHEAD_MAX = timedelta(days=3660)  # how far ahead anything is scheduled


async def schedule_session(viewer: Viewer, asked: SessionInput, now: datetime) -> Session:
    try:
        return (await schedule_sessions(viewer, [asked], now))[0]
    except RefusedError as refused:
        for error in refused.errors:
            error.field = (error.field or ())[1:] or None
        raise refused.errors[0] if len(refused.errors) == 1 else refused from None


@retried_if_raced
async def schedule_sessions(
    viewer: Viewer, inputs: list[SessionInput], now: datetime
) -> list[Session]:
    """Schedule all, or raise RefusedError. A key seen before answers with its session."""
    check_count(len(inputs), "sessions")
    refusals = Refusals()
    drafts: dict[int, Draft] = {}
    keys = [(asked.academy_id, asked.external_id or "") for asked in inputs]
    seen: set[Hashable] = set()
    places: list[int] = []
    for n, asked in enumerate(inputs):
        with refusals.under(n):
            if asked.external_id is not None:
                check_named_once(seen, keys[n])
            places.append(n)
    async with atomic() as tx:
        refusing = await lock_refusing(viewer, {asked.academy_id for asked in inputs})
        # Calls that share keys take them in the same order, so that they do not deadlock.
        for n in sorted(places, key=lambda n: keys[n]):
            with refusals.under(n):
                drafts[n] = await _schedule_one(viewer, inputs[n], now)
        new = {draft.session.id: n for n, draft in sorted(drafts.items()) if draft.events}
        asked_for = [drafts[n].session for n in new.values()]
        careful = [one for one in asked_for if one.academy_id in refusing]
        for session, conflict in await find_conflicts(viewer, careful, inputs=new):
            refusals.errors.append(conflict.under(str(new[session.id])))
        refusals.errors.sort(key=lambda error: int((error.field or "0")[0]))
        refusals.check()
        await write_words(draft.session for draft in drafts.values() if draft.events)
        await write(tx, drafts.values(), now)
    return [drafts[n].session for n in range(len(inputs))]


async def _schedule_one(viewer: Viewer, asked: SessionInput, now: datetime) -> Draft:
    """Insert the session. For a key seen before, return its session and nothing to write."""
    academy = await _fetch_academy(viewer, asked.academy_id)
    if viewer.role is UserRole.TEACHER:
        await check_own(viewer, asked)
    asked = replace(asked, **cleaned_texts(asdict(asked)))
    known = None
    if asked.external_id is not None:
        known = await Session.get_or_none(
            academy_id=asked.academy_id, external_id=asked.external_id
        )
    if known is not None:
        if input_of(known) != asked:
            # A repeated call is the same call, whatever people changed of the session meanwhile.
            first = await SessionEvent.get(session_id=known.id, sequence=1)
            is_theirs = known.is_managed_by(viewer)  # a teacher's may be another's by now
            if first.payload.get("asked") != digest_of(asked) or not is_theirs:
                message = "This key belongs to a session with other values."
                raise ConflictError(message, ("externalId",))
        return Draft(known, now)
    check_times(asked.scheduled_at, asked.duration_minutes, academy.video_settings, now)
    check_combination(asked)
    await check_students(asked)
    await check_teacher(asked)
    return await _insert(asked, academy, now, viewer.user_id)


async def _fetch_academy(viewer: Viewer, academy_id: int) -> Academy:
    """Return the academy with its settings, which stay as they are meanwhile; raise NOT_FOUND, or
    FORBIDDEN if the viewer schedules nothing there."""
    try:
        await Academy.fetch_for(viewer, academy_id, Permit.SEE)
        await hold_row("video_settings", "academy_id", academy_id)
        academies = Academy.get(id=academy_id)
        academy = await academies.select_related("video_settings", "attendance_policy")
        teaches = viewer.role is UserRole.TEACHER
        may = teaches and academy.video_settings.teachers_schedule_sessions
        if not (may or viewer.may(Permit.SCHEDULE)):
            raise ForbiddenError("Your role does not allow this.")
    except DomainError as error:
        raise error.under("academyId") from None
    return academy


async def _insert(asked: SessionInput, academy: Academy, now: datetime, actor_id: int) -> Draft:
    session = Session(
        **asdict(asked),
        format=asked.format,
        status=SessionStatus.SCHEDULED,
        attendance_policy=academy.attendance_policy.stamp(),
        created_at=now,
        updated_at=now,
        **compute_dates(asked.scheduled_at, asked.duration_minutes, academy.video_settings),
    )
    await session.save(force_create=True)
    session.academy = academy
    draft = Draft(session, now)
    draft.append(SessionEventKind.SCHEDULED, {"asked": digest_of(asked)}, actor_id)
    # The first roster is part of the session as scheduled: no event tells it.
    students = await read_students(session, now)
    people = [(session.teacher_id, UserRole.TEACHER, False)]
    people += [
        (user_id, UserRole.STUDENT, students[user_id] is Part.EXPECTED)
        for user_id in sorted(students)
    ]
    roster = [
        SessionParticipant(
            session_id=session.id, user_id=user_id, role=role, is_expected=is_expected
        )
        for user_id, role, is_expected in people
    ]
    await SessionParticipant.bulk_create(roster)
    await read_teacher_settings([session])
    advance(draft)
    make_meeting_in_time(draft)
    return draft


def check_times(
    scheduled_at: datetime, duration_minutes: int, settings: VideoSettings, now: datetime
) -> None:
    if not 1 <= duration_minutes <= settings.max_duration_minutes:
        raise InvalidInputError(
            f"A session lasts 1 to {settings.max_duration_minutes} minutes in this academy.",
            ("durationMinutes",),
        )
    if scheduled_at > now + AHEAD_MAX:
        raise InvalidInputError("At most ten years ahead.", ("scheduledAt",))
    if scheduled_at + timedelta(minutes=duration_minutes) <= now:
        raise InvalidInputError("The session would already be over.", ("scheduledAt",))


def compute_dates(
    scheduled_at: datetime, minutes: int, settings: VideoSettings
) -> dict[str, datetime]:
    """Compute the other dates on a session's row from its start, its length and the settings."""
    timeline = Timeline.of_schedule(
        scheduled_at,
        minutes,
        ready_minutes=settings.ready_minutes_before,
        buffer_minutes=settings.completion_buffer_minutes,
        overtime_minutes=settings.max_overtime_minutes,
    )
    return {
        "ends_at": scheduled_at + timedelta(minutes=minutes),
        "ready_at": timeline.ready_at,
        "completes_at": timeline.completes_at,
        "overtime_until": timeline.overtime_until,
    }
