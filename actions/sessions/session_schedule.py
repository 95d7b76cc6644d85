"""Scheduling: one session or many, all or none, the same key the same session."""

from dataclasses import asdict
from datetime import datetime, timedelta

from actions.sessions.session_plan import (
    SchedulePlan,
    check_students,
    check_teacher,
    check_words,
    digest_of,
    hold,
    plan_of,
    worded,
)
from actions.writing.bulk import Refusals, again_if_raced, check_count
from actions.writing.draft import Draft
from actions.writing.meeting import look_ahead
from actions.writing.moves import advance
from actions.writing.stream import ask_teachers, write
from domain.access import Permit, UserRole, Viewer
from domain.errors import ConflictError, DomainError, InvalidInputError, RefusedError
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
from models.reading.rosters import read_expected_ids

FURTHEST = timedelta(days=3660)  # how far ahead anything is scheduled


async def schedule_session(viewer: Viewer, plan: SchedulePlan, now: datetime) -> Session:
    try:
        return (await schedule_sessions(viewer, [plan], now))[0]
    except RefusedError as refused:
        error = refused.errors[0]
        error.field = (error.field or ())[1:] or None
        raise error from None


async def schedule_sessions(
    viewer: Viewer, plans: list[SchedulePlan], now: datetime
) -> list[Session]:
    """All of them, or RefusedError and none. A key seen before answers with its session."""
    check_count(len(plans), "sessions")
    return await again_if_raced(lambda: _schedule_all(viewer, plans, now))


async def _schedule_all(viewer: Viewer, plans: list[SchedulePlan], now: datetime) -> list[Session]:
    refusals = Refusals()
    sessions: dict[int, Session] = {}
    drafts: list[Draft] = []
    async with atomic() as tx:
        for n, plan in sorted(enumerate(plans), key=_key):
            with refusals.under(n):
                academy = await _academy(viewer, plan)
                asked = worded(plan)
                session = await _scheduled_before(asked)
                if session is None:
                    await _check(asked, academy.video_settings, now)
                    drafts.append(await _insert(asked, academy, now, viewer.user_id))
                sessions[n] = session or drafts[-1].session
        refusals.errors.sort(key=lambda error: int((error.field or "0")[0]))
        refusals.check()
        await write(tx, drafts, now)
    return [sessions[n] for n in range(len(plans))]


def _key(numbered: tuple[int, SchedulePlan]) -> tuple[int, str]:
    """Bulks that share keys take them in the same order, so that none waits for one that waits."""
    _, plan = numbered
    return plan.academy_id, plan.external_id or ""


async def _academy(viewer: Viewer, plan: SchedulePlan) -> Academy:
    try:
        await Academy.fetch_for(viewer, plan.academy_id, Permit.SCHEDULE)
    except DomainError as error:
        raise error.under("academyId") from None
    await hold("video_settings", "academy_id", plan.academy_id)
    return await Academy.get(id=plan.academy_id).select_related(
        "video_settings", "attendance_policy"
    )


async def _check(plan: SchedulePlan, settings: VideoSettings, now: datetime) -> None:
    check_times(plan.scheduled_at, plan.duration_minutes, settings, now)
    check_words(plan)
    await check_students(plan)
    await check_teacher(plan)


def check_times(
    scheduled_at: datetime, duration_minutes: int, settings: VideoSettings, now: datetime
) -> None:
    if not 1 <= duration_minutes <= settings.max_duration_minutes:
        raise InvalidInputError(
            f"A session lasts 1 to {settings.max_duration_minutes} minutes in this academy.",
            ("durationMinutes",),
        )
    if scheduled_at > now + FURTHEST:
        raise InvalidInputError("At most ten years ahead.", ("scheduledAt",))
    if scheduled_at + timedelta(minutes=duration_minutes) <= now:
        raise InvalidInputError("The session would already be over.", ("scheduledAt",))


async def _scheduled_before(plan: SchedulePlan) -> Session | None:
    if plan.external_id is None:
        return None
    session = await Session.get_or_none(academy_id=plan.academy_id, external_id=plan.external_id)
    if session is None or plan_of(session) == plan or await _was_asked_for(session, plan):
        return session
    raise ConflictError("This key belongs to a session with other values.", ("externalId",))


async def _was_asked_for(session: Session, plan: SchedulePlan) -> bool:
    """A repeated call is the same call, whatever people changed of the session meanwhile."""
    first = await SessionEvent.get(session_id=session.id, sequence=1)
    return first.payload.get("asked") == digest_of(plan)


async def _insert(plan: SchedulePlan, academy: Academy, now: datetime, actor_id: int) -> Draft:
    session = Session(
        **asdict(plan),
        format=plan.format,
        status=SessionStatus.SCHEDULED,
        attendance_policy=academy.attendance_policy.stamp(),
        created_at=now,
        updated_at=now,
        **times(plan.scheduled_at, plan.duration_minutes, academy.video_settings),
    )
    await session.save(force_create=True)
    session.academy = academy
    draft = Draft(session, now)
    draft.append(SessionEventKind.SCHEDULED, {"asked": digest_of(plan)}, actor_id)
    await _seat(session)
    await ask_teachers([session])
    advance(draft)
    look_ahead(draft)
    return draft


def times(scheduled_at: datetime, minutes: int, settings: VideoSettings) -> dict[str, datetime]:
    """The dates on a session's row that follow from its start, its length and the settings."""
    plan = Timeline.plan(
        scheduled_at,
        minutes,
        ready_minutes=settings.ready_minutes_before,
        buffer_minutes=settings.completion_buffer_minutes,
        overtime_minutes=settings.max_overtime_minutes,
    )
    return {
        "ends_at": scheduled_at + timedelta(minutes=minutes),
        "ready_at": plan.ready_at,
        "completes_at": plan.completes_at,
        "overtime_until": plan.overtime_until,
    }


async def _seat(session: Session) -> None:
    """The first roster is part of the session as scheduled: no event tells it."""
    students = sorted(await read_expected_ids(session))
    people = [(session.teacher_id, UserRole.TEACHER, False)]
    people += [(user_id, UserRole.STUDENT, True) for user_id in students]
    await SessionParticipant.bulk_create(
        [
            SessionParticipant(
                session_id=session.id, user_id=user_id, role=role, is_expected=is_expected
            )
            for user_id, role, is_expected in people
        ]
    )
