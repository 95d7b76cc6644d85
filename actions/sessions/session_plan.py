"""What a session is scheduled with, and whether that may be."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from domain.access import UserRole
from domain.errors import InvalidInputError, NotFoundError
from domain.session import SessionFormat, SessionKind
from domain.text import check_external_id, cleaned
from models import Group, Session, User
from models.database import sql
from models.database.connection import dialect

# Fewest and most characters of each.
WORDS = {"title": (1, 300), "subject": (1, 300), "notes": (0, 20_000)}


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

    @property
    def format(self) -> SessionFormat:
        return SessionFormat.INDIVIDUAL if self.group_id is None else SessionFormat.GROUP


def plan_of(session: Session) -> SchedulePlan:
    """What would have to be asked for to get the session as it is now."""
    return SchedulePlan(**{name: getattr(session, name) for name in SchedulePlan.__slots__})


def digest_of(plan: SchedulePlan) -> str:
    asked = json.dumps(asdict(plan), default=str, sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def worded(plan: SchedulePlan) -> SchedulePlan:
    """With its words as they are stored; INVALID_INPUT."""
    return replace(plan, **cleaned_words({name: getattr(plan, name) for name in WORDS}))


def cleaned_words(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a plan's values that are words, as they are stored; INVALID_INPUT."""
    words: dict[str, Any] = {}
    for name, (shortest, longest) in WORDS.items():
        if values.get(name) is not None:
            words[name] = cleaned(values[name], longest, name, shortest=shortest)
    return words


def check_words(plan: SchedulePlan) -> None:
    """What goes with what; how long the words are has been looked at."""
    if plan.external_id is not None:
        check_external_id(plan.external_id)
    if plan.subject is not None and plan.kind is not SessionKind.ACADEMIC:
        raise InvalidInputError("Only an academic session has a subject.", ("subject",))
    if plan.session_number is not None:
        _check_number(plan.kind, plan.session_number)


def _check_number(kind: SessionKind, number: int) -> None:
    if kind is not SessionKind.INTERACTIVE_COURSE:
        raise InvalidInputError("Only a course's session has a number.", ("sessionNumber",))
    if number < 1:
        raise InvalidInputError("Sessions are numbered from 1.", ("sessionNumber",))


async def check_teacher(plan: SchedulePlan) -> None:
    await _check_person(plan.academy_id, plan.teacher_id, UserRole.TEACHER, "teacherId")


async def check_students(plan: SchedulePlan) -> None:
    if (plan.student_id is None) == (plan.group_id is None):
        raise InvalidInputError("A session has either a student or a group.", ("studentId",))
    if plan.student_id is not None:
        await _check_person(plan.academy_id, plan.student_id, UserRole.STUDENT, "studentId")
        return
    if not await Group.exists(id=plan.group_id, academy_id=plan.academy_id):
        raise NotFoundError("No such group.", ("groupId",))
    await hold("groups", "id", plan.group_id or 0)


async def _check_person(academy_id: int, user_id: int, role: UserRole, field: str) -> None:
    if not await User.exists(id=user_id, academy_id=academy_id, role=role, is_active=True):
        raise NotFoundError(f"No such {role.lower()} in this academy.", (field,))


async def hold(table: str, key: str, value: int) -> None:
    """What a new session follows from stays as it is until the session is there to follow it."""
    if dialect() == "postgres":  # on SQLite this transaction is the only one
        await sql.query(f"SELECT {key} FROM {table} WHERE {key} = $1 FOR SHARE", value)
