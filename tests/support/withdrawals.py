"""A school in front of its screens, and each way in which a person loses a right."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import clock
from actions.academies import group_upsert, user_upsert
from actions.academies.group_upsert import GroupEntry, MemberInput
from actions.academies.user_upsert import PersonInput
from actions.admittance import barring
from actions.sessions import session_update
from actions.sessions.session_reschedule import reschedule_session
from actions.writing.rights import doubt_rights
from domain.access import UserRole
from domain.session import MembershipSource
from models import Membership
from models.database.atomic import atomic
from tests.conftest import Template
from tests.support import make
from tests.support.app import Served, serving_app
from tests.support.scene import Scene, scene
from tests.support.watching import SESSION, watching


@dataclass(frozen=True, slots=True)
class School:
    served: Served
    there: Scene

    def watch(self, who: str, query: str = SESSION, **variables: str) -> Any:
        named = {name: self.there.id(of) for name, of in variables.items()}
        return watching(self.served, self.there[who], query, **named)

    @property
    def admin(self) -> Any:
        return make.viewer(self.there["admin"])

    @property
    def session_id(self) -> int:
        return int(self.there["mine"].id)


@asynccontextmanager
async def school(template: Template) -> AsyncIterator[School]:
    async with serving_app(await template.fresh()) as served:
        yield School(served, await scene(clock.now().replace(microsecond=0)))


Withdraw = Callable[[School], Awaitable[object]]


async def bar(at: School) -> None:
    await barring.bar_participant(at.admin, at.session_id, at.there["student"].id, clock.now())


async def leave_group(at: School) -> None:
    await replace_members(at, ["classmate"])


async def substitute(at: School) -> None:
    values = {"teacher_id": at.there["colleague"].id}
    await session_update.update_session(at.admin, at.session_id, values, clock.now())


async def move_away(at: School) -> None:
    """Move the session to a day that the student's membership does not cover."""
    now = clock.now()
    mine = Membership.filter(user_id=at.there["student"].id)
    await mine.update(active_until=now + timedelta(days=1))
    await reschedule_session(at.admin, at.session_id, now + timedelta(days=2), None, now)


async def lose_guardian(at: School) -> None:
    await _upsert_person(at, "student", guardian_external_ids=[])


async def deactivate(at: School) -> None:
    await _upsert_person(at, "student", is_active=False)


async def demote(at: School) -> None:
    await _upsert_person(at, "supervisor", role=UserRole.STUDENT)


async def replace_members(at: School, names: list[str], **until: datetime) -> None:
    circle = at.there["circle"]
    members = [
        MemberInput(at.there[name].external_id, MembershipSource.ENROLMENT, None, until.get(name))
        for name in names
    ]
    plan = GroupEntry(
        circle.external_id, circle.academy_id, circle.kind, circle.name, None, True, members
    )
    await group_upsert.upsert_groups(at.admin, [plan], clock.now())


async def _upsert_person(
    at: School,
    name: str,
    role: UserRole | None = None,
    guardian_external_ids: list[str] | None = None,
    **values: Any,
) -> None:
    user = at.there[name]
    named = {"first_name": user.first_name, "last_name": user.last_name} | values
    person = PersonInput(
        user.external_id,
        user.academy_id,
        role or user.role,
        named,
        guardian_external_ids=guardian_external_ids,
    )
    await user_upsert.upsert_users(at.admin, [person], clock.now())


async def ring(at: School, who: str) -> None:
    """Publish as an action does that changes what somebody may do."""
    async with atomic() as tx:
        await doubt_rights(tx, [at.there[who].id], clock.now())
