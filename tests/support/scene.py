"""Two academies and all their people: those whom a viewer may meet, and those they may not."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise import Model

from actions.identity import access_keys
from domain.access import UserRole
from models import (
    Academy,
    AccessKey,
    Group,
    Guardianship,
    Session,
    SessionParticipant,
    User,
    WebhookReceipt,
)
from models.database import sql
from schema.types.ids import Kind, encode
from tests.support import make

_KINDS: tuple[tuple[type[Model], Kind], ...] = (
    (Academy, Kind.ACADEMY),
    (User, Kind.USER),
    (Group, Kind.GROUP),
    (Session, Kind.SESSION),
    (SessionParticipant, Kind.ATTENDANCE),
    (AccessKey, Kind.ACCESS_KEY),
)


CAST = {
    "admin": UserRole.ACADEMY_ADMIN,
    "supervisor": UserRole.SUPERVISOR,
    "teacher": UserRole.TEACHER,
    "colleague": UserRole.TEACHER,
    "student": UserRole.STUDENT,
    "classmate": UserRole.STUDENT,
    "stranger": UserRole.STUDENT,
    "parent": UserRole.PARENT,
    "others_parent": UserRole.PARENT,
}
TIES = (("parent", "student"), ("others_parent", "classmate"), ("others_parent", "stranger"))


@dataclass(frozen=True, slots=True)
class Scene:
    """`rows` by name. The viewers are `super`, `admin`, `supervisor`, `teacher`, `student` and
    `parent`; `mine` is their session, `others` another one of their academy."""

    rows: dict[str, Any]
    now: datetime

    def __getitem__(self, name: str) -> Any:
        return self.rows[name]

    def name(self, global_id: str) -> str:
        """The name of a row, or `somebody`, such as the admin that scheduled a session."""
        return next((name for name in self.rows if self.id(name) == global_id), "somebody")

    def id(self, name: str) -> str:
        row = self.rows[name]
        if isinstance(row, WebhookReceipt):
            return row.id
        return next(encode(kind, row.pk) for model, kind in _KINDS if isinstance(row, model))


async def scene(now: datetime = make.ELEVEN) -> Scene:
    """All sessions are READY: they start in five minutes, and their rooms have been due for two."""
    rows: dict[str, Any] = {"super": await make.user(None, UserRole.SUPER_ADMIN)}
    rows |= await _people(await make.academy(), now)
    foreign = await _people(await make.academy(), now)
    rows |= {f"foreign_{name}": row for name, row in foreign.items()}
    rows["lost_webhook"] = await _webhook(None, now)
    return Scene(rows | {"foreign": foreign["mine"]}, now)


async def _people(academy: Academy, now: datetime) -> dict[str, Any]:
    rows: dict[str, Any] = {"academy": academy}
    for name, role in CAST.items():
        rows[name] = await make.user(academy, role, email=f"{name}@{academy.slug}.example")
    for guardian, child in TIES:
        await Guardianship.create(guardian_id=rows[guardian].id, child_id=rows[child].id)
    made = await access_keys.create_access_key(
        make.viewer(rows["admin"]), academy.id, "Platform", None, now
    )
    return rows | {"access_key": made.row} | await _classes(rows, now)


async def _classes(rows: dict[str, Any], now: datetime) -> dict[str, Any]:
    academy, at = rows["academy"], now + timedelta(minutes=5)
    made_at = now - timedelta(minutes=2)
    circle = await make.group(academy, rows["teacher"], rows["student"], rows["classmate"])
    others = await make.group(academy, rows["colleague"], rows["stranger"])
    mine = await make.session(academy, rows["teacher"], group=circle, at=at, now=made_at)
    theirs = await make.session(academy, rows["colleague"], group=others, at=at, now=made_at)
    return {
        "circle": circle,
        "others_circle": others,
        "mine": mine,
        "webhook": await _webhook(mine, now),
        "others": theirs,
        "attendance": await _row(mine, rows["student"]),
        "classmates_attendance": await _row(mine, rows["classmate"]),
        "teachers_attendance": await _row(mine, rows["teacher"]),
        "others_attendance": await _row(theirs, rows["stranger"]),
        "colleagues_attendance": await _row(theirs, rows["colleague"]),
    }


async def _webhook(session: Session | None, now: datetime) -> WebhookReceipt:
    return await WebhookReceipt.create(
        id=f"EV_{session.id if session else 0}_{await WebhookReceipt.all().count()}",
        kind="track_published",
        outcome="IGNORED",
        session_id=session.id if session else None,
        occurred_at=now,
        received_at=now,
    )


async def _row(session: Session, user: User) -> SessionParticipant:
    return await SessionParticipant.get(session_id=session.id, user_id=user.id)


TABLES = (
    "academies",
    "access_key_changes",
    "access_keys",
    "attendance_policies",
    "clock_heartbeats",
    "due_work",
    "groups",
    "guardianships",
    "meeting_attendance_events",
    "meeting_attendances",
    "memberships",
    "refresh_tokens",
    "session_events",
    "session_participants",
    "sessions",
    "users",
    "video_settings",
    "webhook_receipts",
    "webhook_rejections",
)


async def dump() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, to see that nothing changed."""
    return {
        table: sorted(
            [tuple(row.values()) for row in await sql.query(f"SELECT * FROM {table}")], key=repr
        )
        for table in TABLES
    }
