"""Scheduling: one session or many, all or none, the same key the same session."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from actions.bulk import Refusals, again_if_raced, check_count
from actions.moves import advance
from actions.roster import expected_ids
from actions.stream import Draft, write
from domain.access import Permit, UserRole, Viewer
from domain.errors import ConflictError, DomainError, InvalidInputError, NotFoundError, RefusedError
from domain.event import SessionEventKind
from domain.session import SessionFormat, SessionKind
from domain.status import SessionStatus, Timeline
from models import Academy, Group, Session, SessionParticipant, User, VideoSettings, sql
from models.atomic import atomic
from models.database import dialect

LONGEST_NOTES = 20_000
FURTHEST = timedelta(days=3660)  # how far ahead anything is scheduled


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePlan:
    """What is asked for. Exactly one of `student_id` and `group_id` is given."""

    academy_id: int
    external_id: str | None
    kind: SessionKind
    title: str
    notes: str | None
    teacher_id: int
    student_id: int | None
    group_id: int | None
    scheduled_at: datetime
    duration_minutes: int
    subject: str | None
    session_number: int | None


async def schedule_one(viewer: Viewer, plan: SchedulePlan, now: datetime) -> Session:
    try:
        return (await schedule_many(viewer, [plan], now))[0]
    except RefusedError as refused:
        error = refused.errors[0]
        error.field = (error.field or ())[1:] or None
        raise error from None


async def schedule_many(viewer: Viewer, plans: list[SchedulePlan], now: datetime) -> list[Session]:
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
                session = await _scheduled_before(plan)
                if session is None:
                    await _check(plan, academy.video_settings, now)
                    drafts.append(await _insert(plan, academy, now, viewer.user_id))
                sessions[n] = session or drafts[-1].session
        refusals.errors.sort(key=lambda error: int((error.field or "0")[0]))
        refusals.check()
        await write(tx, drafts)
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
    await _hold("video_settings", "academy_id", plan.academy_id)
    return await Academy.get(id=plan.academy_id).select_related(
        "video_settings", "attendance_policy"
    )


async def _hold(table: str, key: str, value: int) -> None:
    """What a new session follows from stays as it is until the session is there to follow it."""
    if dialect() == "postgres":  # on SQLite this transaction is the only one
        await sql.query(f"SELECT {key} FROM {table} WHERE {key} = $1 FOR SHARE", value)


async def _check(plan: SchedulePlan, settings: VideoSettings, now: datetime) -> None:
    check_times(plan.scheduled_at, plan.duration_minutes, settings, now)
    _check_words(plan)
    await _check_people(plan)


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


def _check_words(plan: SchedulePlan) -> None:
    if not 1 <= len(plan.title.strip()) <= 300:
        raise InvalidInputError("A title has 1 to 300 characters.", ("title",))
    if plan.external_id is not None and not 1 <= len(plan.external_id) <= 200:
        raise InvalidInputError("An external id has 1 to 200 characters.", ("externalId",))
    if plan.notes is not None and len(plan.notes) > LONGEST_NOTES:
        raise InvalidInputError(f"Notes have at most {LONGEST_NOTES} characters.", ("notes",))
    if plan.subject is not None:
        _check_subject(plan.kind, plan.subject)
    if plan.session_number is not None:
        _check_number(plan.kind, plan.session_number)


def _check_subject(kind: SessionKind, subject: str) -> None:
    if kind is not SessionKind.ACADEMIC:
        raise InvalidInputError("Only an academic session has a subject.", ("subject",))
    if not 1 <= len(subject.strip()) <= 300:
        raise InvalidInputError("A subject has 1 to 300 characters.", ("subject",))


def _check_number(kind: SessionKind, number: int) -> None:
    if kind is not SessionKind.INTERACTIVE_COURSE:
        raise InvalidInputError("Only a course's session has a number.", ("sessionNumber",))
    if number < 1:
        raise InvalidInputError("Sessions are numbered from 1.", ("sessionNumber",))


async def _check_people(plan: SchedulePlan) -> None:
    if (plan.student_id is None) == (plan.group_id is None):
        raise InvalidInputError("A session has either a student or a group.", ("studentId",))
    await _check_person(plan.academy_id, plan.teacher_id, UserRole.TEACHER, "teacherId")
    if plan.student_id is not None:
        await _check_person(plan.academy_id, plan.student_id, UserRole.STUDENT, "studentId")
        return
    if not await Group.exists(id=plan.group_id, academy_id=plan.academy_id):
        raise NotFoundError("No such group.", ("groupId",))
    await _hold("groups", "id", plan.group_id or 0)


async def _check_person(academy_id: int, user_id: int, role: UserRole, field: str) -> None:
    if not await User.exists(id=user_id, academy_id=academy_id, role=role, is_active=True):
        raise NotFoundError(f"No such {role.lower()} in this academy.", (field,))


async def _scheduled_before(plan: SchedulePlan) -> Session | None:
    if plan.external_id is None:
        return None
    session = await Session.get_or_none(academy_id=plan.academy_id, external_id=plan.external_id)
    if session is not None and _values(session) != asdict(plan):
        raise ConflictError("This key belongs to a session with other values.", ("externalId",))
    return session


def _values(session: Session) -> dict[str, object]:
    return {name: getattr(session, name) for name in SchedulePlan.__slots__}


async def _insert(plan: SchedulePlan, academy: Academy, now: datetime, actor_id: int) -> Draft:
    session = Session(
        **asdict(plan),
        format=SessionFormat.GROUP if plan.group_id is not None else SessionFormat.INDIVIDUAL,
        status=SessionStatus.SCHEDULED,
        attendance_policy=academy.attendance_policy.stamp(),
        created_at=now,
        updated_at=now,
        **times(plan.scheduled_at, plan.duration_minutes, academy.video_settings),
    )
    await session.save(force_create=True)
    session.academy = academy
    draft = Draft(session, now)
    draft.append(SessionEventKind.SCHEDULED, {}, actor_id)
    await _seat(session)
    advance(draft)
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
    students = sorted(await expected_ids(session))
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
