"""Values that a session is scheduled with, and the checks on them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from domain.access import UserRole, Viewer
from domain.errors import ForbiddenError, InvalidInputError, NotFoundError
from domain.session import SessionFormat, SessionKind
from domain.text import check_external_id, cleaned
from models import Group, Session, User
from models.database import sql
from models.database.connection import dialect

# Fewest and most characters of each text.
TEXT_BOUNDS = {"title": (1, 300), "subject": (0, 300), "notes": (0, 20_000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInput:
    """Values for one session. Exactly one of `student_id` and `group_id` is given."""

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


def input_of(session: Session) -> SessionInput:
    """Return the values that would schedule the session as it is now."""
    return SessionInput(**{name: getattr(session, name) for name in SessionInput.__slots__})


def digest_of(asked: SessionInput) -> str:
    values = json.dumps(asdict(asked), default=str, sort_keys=True)
    return hashlib.sha256(values.encode()).hexdigest()


def cleaned_texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values that are texts, as they are stored: None for an empty one."""
    texts: dict[str, Any] = {}
    for name, (fewest, most) in TEXT_BOUNDS.items():
        if values.get(name) is not None:
            texts[name] = cleaned(values[name], most, name, shortest=fewest) or None
    return texts


def check_combination(asked: SessionInput) -> None:
    """Refuse values that the session's kind does not have. Texts are cleaned by now."""
    if asked.external_id is not None:
        check_external_id(asked.external_id)
    if asked.subject is not None and asked.kind is not SessionKind.ACADEMIC:
        raise InvalidInputError("Only an academic session has a subject.", ("subject",))
    if asked.session_number is not None:
        if asked.kind is not SessionKind.INTERACTIVE_COURSE:
            raise InvalidInputError("Only a course's session has a number.", ("sessionNumber",))
        if asked.session_number < 1:
            raise InvalidInputError("Sessions are numbered from 1.", ("sessionNumber",))


async def check_own(viewer: Viewer, asked: SessionInput) -> None:
    """Refuse what a teacher does not schedule: sessions of others, or with groups and students that
    are not theirs."""
    people = User.visible_to(viewer)
    if asked.teacher_id != viewer.user_id:
        if await people.filter(id=asked.teacher_id).exists():
            raise ForbiddenError("A teacher schedules sessions of their own.", ("teacherId",))
        raise NotFoundError("No such teacher in this academy.", ("teacherId",))
    groups = Group.filter(id=asked.group_id, teacher_id=viewer.user_id)
    if asked.group_id is not None and not await groups.exists():
        raise NotFoundError("No such group.", ("groupId",))
    if asked.student_id is not None and not await people.filter(id=asked.student_id).exists():
        raise NotFoundError("No such student in this academy.", ("studentId",))


async def check_teacher(asked: SessionInput) -> None:
    await _check_person(asked.academy_id, asked.teacher_id, UserRole.TEACHER, "teacherId")


async def check_students(asked: SessionInput) -> None:
    if (asked.student_id is None) == (asked.group_id is None):
        raise InvalidInputError("A session has either a student or a group.", ("studentId",))
    if asked.student_id is not None:
        await _check_person(asked.academy_id, asked.student_id, UserRole.STUDENT, "studentId")
        return
    if not await Group.exists(id=asked.group_id, academy_id=asked.academy_id):
        raise NotFoundError("No such group.", ("groupId",))
    await hold_row("groups", "id", asked.group_id or 0)


async def _check_person(academy_id: int, user_id: int, role: UserRole, field: str) -> None:
    if not await User.exists(id=user_id, academy_id=academy_id, role=role, is_active=True):
        raise NotFoundError(f"No such {role.lower()} in this academy.", (field,))


async def hold_row(table: str, key: str, value: int) -> None:
    """Keep a row unchanged until this transaction, whose session follows from it, is stored."""
    if dialect() == "postgres":  # on SQLite this transaction is the only one
        await sql.query(f"SELECT {key} FROM {table} WHERE {key} = $1 FOR SHARE", value)
