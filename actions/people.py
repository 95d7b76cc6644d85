"""People kept in step with an academy's own system: the same external id again is an update."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.bulk import Refusals, again_if_raced, check_count, take_turns
from actions.identity import refresh_tokens
from actions.identity.passwords import check_usable, hash_password, is_usable
from actions.rights import review
from domain.access import Permit, UserRole, Viewer
from domain.errors import (
    AlreadyExistsError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
)
from models import Academy, Guardianship, User
from models.atomic import Transaction, atomic

MOST_GUARDIANS = 20
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(slots=True)
class PersonInput:
    """`values` are the columns that were given; None in them clears."""

    external_id: str
    academy_id: int | None
    role: UserRole
    values: dict[str, Any]
    password: str | None = None
    guardian_external_ids: list[str] | None = None
    clears_password: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """A person whom the viewer may write, and where."""

    person: PersonInput
    academy_id: int | None
    password_hash: str | None


async def upsert(viewer: Viewer, people: list[PersonInput], now: datetime) -> list[User]:
    """All of them, or RefusedError and none."""
    check_count(len(people), "people")
    homes = await _homes(viewer, people)
    hashes = await asyncio.gather(*(_hashed(person.password) for person in people))
    plans = [
        _Plan(person, home, password_hash)
        for person, home, password_hash in zip(people, homes, hashes, strict=True)
    ]
    return await again_if_raced(lambda: _upsert_all(viewer, plans, now))


async def _homes(viewer: Viewer, people: list[PersonInput]) -> list[int | None]:
    """The academy of each. First of all: nobody has passwords hashed who may not set them."""
    refusals = Refusals()
    homes: list[int | None] = []
    for n, person in enumerate(people):
        with refusals.under(n):
            homes.append(await _home(viewer, person))
    refusals.check()
    return homes


async def _hashed(password: str | None) -> str | None:
    return await hash_password(password) if password and is_usable(password) else None


async def _upsert_all(viewer: Viewer, plans: list[_Plan], now: datetime) -> list[User]:
    refusals = Refusals()
    users: dict[int, User] = {}
    seen: set[tuple[int | None, str]] = set()
    async with atomic() as tx:
        await take_turns(plan.academy_id for plan in plans)
        for n, plan in enumerate(plans):
            with refusals.under(n):
                _check_once(plan, seen)
                users[n] = await _upsert(tx, viewer, plan, now)
        # Only now: parents may come after their children.
        for n, user in users.items():
            with refusals.under(n):
                await _set_guardians(tx, user, plans[n].person.guardian_external_ids)
        refusals.check()
    return list(users.values())


def _check_once(plan: _Plan, seen: set[tuple[int | None, str]]) -> None:
    key = plan.academy_id, plan.person.external_id
    if key in seen:
        raise InvalidInputError("This external id is in here twice.", ("externalId",))
    seen.add(key)


async def _upsert(tx: Transaction, viewer: Viewer, plan: _Plan, now: datetime) -> User:
    person, academy_id = plan.person, plan.academy_id
    _check(person)
    user = await User.get_or_none(academy_id=academy_id, external_id=person.external_id)
    if user is not None and not viewer.may_grant(user.role):
        raise ForbiddenError("Their role is above yours.", ("externalId",))
    await _check_email(person, academy_id, user)
    values = person.values | {"role": person.role}
    if person.clears_password or plan.password_hash is not None:
        values["password_hash"] = plan.password_hash
    if user is None:
        return await User.create(
            external_id=person.external_id, academy_id=academy_id, created_at=now, **values
        )
    await _update(tx, user, values, now)
    return user


async def _update(tx: Transaction, user: User, values: dict[str, Any], now: datetime) -> None:
    """With another password, or deactivated, nobody stays signed in as them."""
    before = user.role, user.is_active
    await user.update_from_dict(values).save(update_fields=list(values))
    if "password_hash" in values or not user.is_active:
        await refresh_tokens.end_all(tx, user.id, now)
    if before != (user.role, user.is_active):
        await review(tx, [user.id])


async def _home(viewer: Viewer, person: PersonInput) -> int | None:
    """The academy a person is of; none for a super admin alone."""
    if person.role is not UserRole.SUPER_ADMIN:
        academy_id = await _academy_of(viewer, person)
    elif person.academy_id is not None:
        raise InvalidInputError("A super admin is of no academy.", ("academyId",))
    else:
        academy_id = None
    if not viewer.may_grant(person.role):
        raise ForbiddenError("Nobody grants a role above their own.", ("role",))
    return academy_id


async def _academy_of(viewer: Viewer, person: PersonInput) -> int:
    academy_id = person.academy_id if person.academy_id is not None else viewer.academy_id
    if academy_id is None:
        raise InvalidInputError("Of which academy?", ("academyId",))
    try:
        return (await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)).id
    except NotFoundError as error:
        raise error.under("academyId") from None


def _check(person: PersonInput) -> None:
    if not 1 <= len(person.external_id) <= 200:
        raise InvalidInputError("An external id has 1 to 200 characters.", ("externalId",))
    for name, field in (("first_name", "firstName"), ("last_name", "lastName")):
        person.values[name] = str(person.values[name]).strip()
        if not 1 <= len(person.values[name]) <= 100:
            raise InvalidInputError("A name has 1 to 100 characters.", (field,))
    if person.password is not None:
        check_usable(person.password, "password")


async def _check_email(person: PersonInput, academy_id: int | None, user: User | None) -> None:
    email = person.values.get("email")
    if email is None:
        return
    if len(email) > 254 or not EMAIL.fullmatch(email):
        raise InvalidInputError("Not an email address.", ("email",))
    person.values["email"] = email.lower()
    owner = await User.get_or_none(academy_id=academy_id, email=email.lower())
    if owner is not None and (user is None or owner.id != user.id):
        raise AlreadyExistsError("Somebody else has this email.", ("email",))


async def _set_guardians(tx: Transaction, child: User, external_ids: list[str] | None) -> None:
    if external_ids is None:
        return
    if len(external_ids) > MOST_GUARDIANS:
        raise InvalidInputError(f"At most {MOST_GUARDIANS} guardians.", ("guardianExternalIds",))
    guardians = await User.filter(
        academy_id=child.academy_id, external_id__in=external_ids, role=UserRole.PARENT
    )
    if missing := set(external_ids) - {str(guardian.external_id) for guardian in guardians}:
        raise NotFoundError(f"No such parent: {min(missing)}.", ("guardianExternalIds",))
    wanted = {guardian.id for guardian in guardians}
    present = {tie.guardian_id for tie in await Guardianship.filter(child_id=child.id)}
    await Guardianship.filter(child_id=child.id, guardian_id__in=present - wanted).delete()
    await review(tx, present - wanted)
    for guardian_id in sorted(wanted - present):
        await Guardianship.create(child_id=child.id, guardian_id=guardian_id)


async def create_super_admin(email: str, password: str, now: datetime) -> User:
    """The first person of an installation; INVALID_INPUT or ALREADY_EXISTS."""
    check_usable(password, "password")
    person = PersonInput(email, None, UserRole.SUPER_ADMIN, {"email": email})
    await _check_email(person, None, None)
    return await User.create(
        external_id=f"super:{email.lower()}",
        role=UserRole.SUPER_ADMIN,
        first_name="Super",
        last_name="Admin",
        email=person.values["email"],
        password_hash=await hash_password(password),
        created_at=now,
    )
