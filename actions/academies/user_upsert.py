"""People kept in step with an academy's own system: the same external id again is an update."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.identity import refresh_tokens
from actions.identity.passwords import check_usable, hash_password, is_usable
from actions.writing.bulk import Refusals, again_if_raced, check_count, take_turns
from actions.writing.rights import review, with_guardians
from domain.access import Permit, UserRole, Viewer
from domain.errors import (
    AlreadyExistsError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
)
from domain.text import EXTERNAL_ID_MAX_CHARS, check_external_id, cleaned, email_of
from models import Academy, Guardianship, User
from models.database import sql
from models.database.atomic import Transaction, atomic
from models.database.locks import lock_people

MOST_GUARDIANS = 20
LONGEST_NAME, LONGEST_EMAIL = 100, 254
THEIRS = "Their role is above yours."
ABOVE = "Nobody grants a role above their own."
NO_ADMINS = "An access key neither makes nor changes an academy's admins."
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


async def upsert_users(viewer: Viewer, people: list[PersonInput], now: datetime) -> list[User]:
    """All of them, or RefusedError and none."""
    check_count(len(people), "people")
    homes = await _homes(viewer, people)
    # One after the other: who signs in or changes their own password meanwhile is served between.
    hashes = [await _hashed(person.password) for person in people]
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
    concerned: set[int] = set()
    async with atomic() as tx:
        await take_turns(plan.academy_id for plan in plans)
        await _lock(plans)
        for n, plan in enumerate(plans):
            with refusals.under(n):
                _check_once(plan, seen)
                users[n] = await _upsert(tx, viewer, plan, now, concerned)
        # Only now: parents may come after their children.
        for n, user in users.items():
            with refusals.under(n):
                concerned |= await _set_guardians(user, plans[n].person.guardian_external_ids)
        refusals.check()
        await review(tx, concerned, now)
    return list(users.values())


async def _lock(plans: list[_Plan]) -> None:
    """All who are written here or reviewed in the end, at once: the order of all locks."""
    named: dict[int | None, set[str]] = {}
    for plan in plans:
        people = {plan.person.external_id, *(plan.person.guardian_external_ids or ())}
        named.setdefault(plan.academy_id, set()).update(people)
    found: set[int] = set()
    for academy_id, external_ids in named.items():
        known = [one for one in sorted(external_ids) if len(one) <= EXTERNAL_ID_MAX_CHARS]
        for some in sql.batches(known):
            users = User.filter(academy_id=academy_id, external_id__in=some)
            found |= {user.id for user in await users.only("id")}
    await lock_people(await with_guardians(found))


def _check_once(plan: _Plan, seen: set[tuple[int | None, str]]) -> None:
    key = plan.academy_id, plan.person.external_id
    if key in seen:
        raise InvalidInputError("This external id is in here twice.", ("externalId",))
    seen.add(key)


async def _upsert(
    tx: Transaction, viewer: Viewer, plan: _Plan, now: datetime, concerned: set[int]
) -> User:
    """`concerned` gets those whose rights may end by it."""
    person, academy_id = plan.person, plan.academy_id
    _check(person)
    user = await User.get_or_none(academy_id=academy_id, external_id=person.external_id)
    if user is not None and not viewer.may_grant(user.role):
        raise ForbiddenError(NO_ADMINS if viewer.is_service else THEIRS, ("externalId",))
    await _check_email(person, academy_id, user)
    values = person.values | {"role": person.role}
    if person.clears_password or plan.password_hash is not None:
        values["password_hash"] = plan.password_hash
    if user is None:
        return await User.create(
            external_id=person.external_id, academy_id=academy_id, created_at=now, **values
        )
    if await _update(tx, user, values, now):
        concerned.add(user.id)
    return user


async def _update(tx: Transaction, user: User, values: dict[str, Any], now: datetime) -> bool:
    """Whether they may do something else now. With another password, or deactivated, nobody stays
    signed in as them."""
    before = user.role, user.is_active
    await user.update_from_dict(values).save(update_fields=list(values))
    if "password_hash" in values or not user.is_active:
        await refresh_tokens.end_all(tx, user.id, now)
    return before != (user.role, user.is_active)


async def _home(viewer: Viewer, person: PersonInput) -> int | None:
    """The academy a person is of; none for a super admin alone."""
    if person.role is not UserRole.SUPER_ADMIN:
        academy_id = await _academy_of(viewer, person)
    elif person.academy_id is not None:
        raise InvalidInputError("A super admin is of no academy.", ("academyId",))
    else:
        academy_id = None
    if not viewer.may_grant(person.role):
        raise ForbiddenError(NO_ADMINS if viewer.is_service else ABOVE, ("role",))
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
    check_external_id(person.external_id)
    for name, field in (("first_name", "firstName"), ("last_name", "lastName")):
        person.values[name] = cleaned(person.values[name], LONGEST_NAME, field)
    if person.password is not None:
        check_usable(person.password, "password")


async def _check_email(person: PersonInput, academy_id: int | None, user: User | None) -> None:
    given = person.values.get("email")
    if given is None:
        return
    email = email_of(given)  # before it is measured: a few letters become two
    if len(email) > LONGEST_EMAIL or not (EMAIL.fullmatch(email) and email.isprintable()):
        raise InvalidInputError("Not an email address.", ("email",))
    person.values["email"] = email
    owner = await User.get_or_none(academy_id=academy_id, email=email)
    if owner is not None and (user is None or owner.id != user.id):
        raise AlreadyExistsError("Somebody else has this email.", ("email",))


async def _set_guardians(child: User, external_ids: list[str] | None) -> set[int]:
    """Who was a guardian and is none any more."""
    if external_ids is None:
        return set()
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
    for guardian_id in sorted(wanted - present):
        await Guardianship.create(child_id=child.id, guardian_id=guardian_id)
    return present - wanted


async def create_super_admin(email: str, password: str, now: datetime) -> User:
    """The first person of an installation; INVALID_INPUT or ALREADY_EXISTS."""
    check_usable(password, "password")
    person = PersonInput(email, None, UserRole.SUPER_ADMIN, {"email": email})
    await _check_email(person, None, None)
    return await User.create(
        external_id=f"super:{person.values['email']}"[:EXTERNAL_ID_MAX_CHARS],
        role=UserRole.SUPER_ADMIN,
        first_name="Super",
        last_name="Admin",
        email=person.values["email"],
        password_hash=await hash_password(password),
        created_at=now,
    )
