"""All writers lock people in one order: many who write at once never deadlock."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta

import pytest
from asyncpg import LockNotAvailableError

import clock
from actions.academies import group_members, group_upsert, user_upsert
from actions.academies.group_members import NewMember
from actions.academies.group_upsert import GroupEntry, MemberInput
from actions.academies.user_upsert import PersonInput
from actions.admittance import barring
from actions.identity import refresh_tokens, sign_ins
from actions.writing import bulk
from actions.writing.memberships import Dates
from actions.writing.rights import doubt_rights
from domain.access import UserRole, Viewer
from domain.errors import InvalidCredentialsError, NotFoundError
from domain.session import MembershipSource, WorkKind
from domain.status import SessionStatus
from models import (
    Academy,
    DueWork,
    Group,
    Guardianship,
    Session,
    SessionParticipant,
    User,
)
from models.database.atomic import atomic
from tests.conftest import Database
from tests.support import make
from tests.support.attendance_rows import store

pytestmark = pytest.mark.parametrize("template", ["postgres"], indirect=True)

ROUNDS = 12
AT_ONCE = 3  # of each kind of writer


@dataclass(frozen=True)
class Families:
    academy: Academy
    admin: Viewer
    parents: list[User]
    children: list[User]
    circle: Group
    sessions: list[Session]


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run without the retry, which would hide a deadlock."""
    monkeypatch.setattr(bulk, "TRIES", 1)


async def families() -> Families:
    academy = await make.academy("itqan")
    admin, teacher = await make.user(academy, UserRole.ACADEMY_ADMIN), await make.teacher(academy)
    parents = [await make.user(academy, UserRole.PARENT) for _ in range(10)]
    children = [await make.student(academy) for _ in range(10)]
    for parent, child in zip(parents, children, strict=True):
        await Guardianship.create(guardian_id=parent.id, child_id=child.id)
    circle = await make.group(academy, teacher, *children)
    starts = [clock.now() + timedelta(hours=hour) for hour in (1, 3)]
    sessions = [await make.session(academy, teacher, group=circle, at=at) for at in starts]
    await _come_in(sessions)
    return Families(academy, make.viewer(admin), parents, children, circle, sessions)


async def _come_in(sessions: list[Session]) -> None:
    """Start the sessions with everybody inside: then a lost right is looked for there too."""
    await Session.filter(id__in=[one.id for one in sessions]).update(status=SessionStatus.READY)
    for row in await SessionParticipant.all():
        await store(row)


def of(user: User, guardians: list[str] | None = None, **values: object) -> PersonInput:
    named = {"first_name": user.first_name, "last_name": user.last_name} | values
    return PersonInput(
        str(user.external_id), user.academy_id, user.role, named, guardian_external_ids=guardians
    )


async def deactivate(at: Families) -> None:
    some = random.sample(at.parents + at.children, 8)
    wanted = [of(one, is_active=random.random() < 0.8) for one in some]
    await user_upsert.upsert_users(at.admin, wanted, clock.now())


async def move(at: Families) -> None:
    parent = str(random.choice(at.parents).external_id)
    some = [of(child, [parent]) for child in random.sample(at.children, 5)]
    await user_upsert.upsert_users(at.admin, some, clock.now())


async def regroup(at: Families) -> None:
    members = [
        MemberInput(str(child.external_id), MembershipSource.ENROLMENT, None, None)
        for child in random.sample(at.children, 7)
    ]
    circle = at.circle
    plan = GroupEntry(
        circle.external_id, circle.academy_id, circle.kind, circle.name, None, True, members
    )
    await group_upsert.upsert_groups(at.admin, [plan], clock.now())


async def come_and_go(at: Families) -> None:
    some, others = random.sample(at.children, 4), random.sample(at.children, 3)
    members = [
        NewMember(child.id, None, MembershipSource.SUBSCRIPTION, Dates(None, None))
        for child in some
    ]
    await group_members.add_group_members(at.admin, at.circle.id, members, clock.now())
    leaving = [child.id for child in others]
    await group_members.remove_group_members(at.admin, at.circle.id, leaving, clock.now())


async def bar(at: Families) -> None:
    session, child = random.choice(at.sessions), random.choice(at.children)
    with suppress(NotFoundError):  # another writer moved them meanwhile
        await barring.bar_participant(at.admin, session.id, child.id, clock.now())
        await barring.unbar_participant(at.admin, session.id, child.id, clock.now())


async def sign_out(at: Families) -> None:
    await sign_ins.sign_out(await signed_in(at), clock.now())


async def steal(at: Families) -> None:
    """Use a token twice, long after: the whole sign-in ends."""
    secret, now = await signed_in(at), clock.now()
    for later in (timedelta(), timedelta(minutes=1)):
        with suppress(InvalidCredentialsError):  # deactivated meanwhile, or the token is used
            await sign_ins.refresh_access_token("s" * 32, secret, now + later)


async def signed_in(at: Families) -> str:
    async with atomic():
        child = await refresh_tokens.lock_user(random.choice(at.children).id)
        assert child
        return (await refresh_tokens.start_family(child, clock.now())).secret


Write = Callable[[Families], Awaitable[None]]
WRITERS: list[Write] = [deactivate, move, regroup, come_and_go, bar, sign_out, steal]


async def test_a_storm_of_writers_never_waits_in_a_circle(database: Database) -> None:
    at = await families()

    async def keep_writing(write: Write) -> None:
        for _ in range(ROUNDS):
            with suppress(LockNotAvailableError):  # a busy machine; a deadlock is another error
                await write(at)

    await asyncio.gather(*(keep_writing(write) for write in AT_ONCE * WRITERS))
    assert await DueWork.exists(kind=WorkKind.REMOVE_PERSON)


async def test_signing_out_does_not_wait_for_a_lock_on_guardians(database: Database) -> None:
    at = await families()
    secret = await signed_in(at)
    async with atomic() as tx:
        await doubt_rights(tx, [parent.id for parent in at.parents], clock.now())
        signing_out = sign_ins.sign_out(secret, clock.now())
        await asyncio.wait_for(asyncio.create_task(signing_out, context=Context()), 10)
