"""Test data: rows with the values that a test gives, and plain values for the rest."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from actions.sessions.session_input import SessionInput
from actions.sessions.session_schedule import schedule_session
from actions.writing.search_words import write_words
from domain.access import UserRole, Viewer
from domain.session import GroupKind, MembershipSource, SessionKind
from models import (
    Academy,
    AttendancePolicy,
    Group,
    Guardianship,
    Membership,
    Session,
    User,
    VideoSettings,
)

# Eleven in the morning of an ordinary day.
ELEVEN = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
_numbers = count(1)


async def academy(slug: str | None = None, **settings: Any) -> Academy:
    """`settings` are VideoSettings' and AttendancePolicy's columns."""
    slug = slug or f"academy-{next(_numbers)}"
    row = await Academy.create(slug=slug, name=slug, timezone="Asia/Riyadh", created_at=ELEVEN)
    policy = {k: v for k, v in settings.items() if k in AttendancePolicy._meta.fields_map}
    video = {k: v for k, v in settings.items() if k in VideoSettings._meta.fields_map}
    await VideoSettings.create(academy_id=row.id, **video)
    await AttendancePolicy.create(academy_id=row.id, **policy)
    return row


async def user(academy: Academy | None, role: UserRole, **values: Any) -> User:
    number = next(_numbers)
    named: dict[str, Any] = {
        "first_name": role.capitalize(),
        "last_name": f"No{number}",
        "external_id": f"u{number}",
        "created_at": ELEVEN,
    }
    row = await User.create(
        **named | {"academy_id": academy.id if academy else None, "role": role} | values
    )
    await write_words([row])
    return row


async def teacher(academy: Academy, **values: Any) -> User:
    return await user(academy, UserRole.TEACHER, **values)


async def student(academy: Academy, **values: Any) -> User:
    return await user(academy, UserRole.STUDENT, **values)


async def parent(academy: Academy, *children: User, **values: Any) -> User:
    row = await user(academy, UserRole.PARENT, **values)
    for child in children:
        await Guardianship.create(guardian_id=row.id, child_id=child.id)
    return row


async def group(academy: Academy, teacher: User, *members: User, **values: Any) -> Group:
    number = next(_numbers)
    named: dict[str, Any] = {
        "external_id": f"g{number}",
        "name": f"Circle {number}",
        "kind": GroupKind.CIRCLE,
    }
    row = await Group.create(
        **named
        | {"academy_id": academy.id, "teacher_id": teacher.id, "created_at": ELEVEN}
        | values
    )
    await write_words([row])
    for member in members:
        await Membership.create(group_id=row.id, user_id=member.id, via=MembershipSource.ENROLMENT)
    return row


def viewer(user: User) -> Viewer:
    return user.as_viewer()


async def session(
    academy: Academy,
    teacher: User,
    *,
    student: User | None = None,
    group: Group | None = None,
    at: datetime = ELEVEN,
    minutes: int = 60,
    now: datetime | None = None,
    **values: Any,
) -> Session:
    """A session scheduled by the action, a day before its start unless `now` says when."""
    admin = Viewer(
        (await user(academy, UserRole.ACADEMY_ADMIN)).id, UserRole.ACADEMY_ADMIN, academy.id
    )
    plan: dict[str, Any] = {
        "academy_id": academy.id,
        "external_id": None,
        "kind": SessionKind.QURAN,
        "title": "Surat al-Kahf",
        "notes": None,
        "teacher_id": teacher.id,
        "student_id": student.id if student else None,
        "group_id": group.id if group else None,
        "scheduled_at": at,
        "duration_minutes": minutes,
        "subject": None,
        "session_number": None,
    }
    return await schedule_session(
        admin, SessionInput(**plan | values), now or at - timedelta(days=1)
    )
