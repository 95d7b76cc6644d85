"""Writes people from an academy's own system: an external id that is known means an update."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.academies.academy_update import authorise
from actions.academies.user_classes import lock_classes, read_students_of
from actions.identity import access_keys, refresh_tokens
from actions.identity.passwords import check_usable, hash_password, is_usable
from actions.writing.bulk import (
    Refusals,
    check_count,
    check_named_once,
    lock_for_lists,
    retry_if_raced,
)
from actions.writing.rights import with_guardians
from actions.writing.roster import fill
from actions.writing.search_words import write_words
from actions.writing.stream import write
from domain.access import ROLE_RANK, UserRole, Viewer
from domain.errors import (
    AlreadyExistsError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
)
from domain.text import check_external_id, cleaned, email_of
from models import Guardianship, User
from models.database import sql
from models.database.atomic import Transaction, atomic
from models.database.locks import lock_people

CHILD_MAX_GUARDIANS = 20
NAME_MAX_CHARS, EMAIL_MAX_CHARS = 100, 254
HIGHER_ROLE = "Their role is above yours."
GRANTS_HIGHER_ROLE = "Nobody grants a role above their own."
KEY_SETS_NOTHING = "An access key sets no email and no password of present or former supervisors."
NO_ADMINS = "An access key neither makes nor changes an academy's admins."
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(slots=True)
class PersonInput:
    """One person to write. `values` are the columns that were given; an empty email clears it."""

    external_id: str
    academy_id: int | None
    role: UserRole
    values: dict[str, Any]
    password: str | None = None
    guardian_external_ids: list[str] | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    """A person whom the viewer may write, with their academy and the hash of a new password."""

    person: PersonInput
    academy_id: int | None
    password_hash: str | None


async def upsert_users(viewer: Viewer, people: list[PersonInput], now: datetime) -> list[User]:
    """Write all of these people; or none, and raise RefusedError."""
    check_count(len(people), "people")
    refusals = Refusals()
    academy_ids: list[int | None] = []
    # Authorise all before a password is hashed: hashing takes long.
    for n, person in enumerate(people):
        with refusals.under(n):
            academy_id = person.academy_id
            if person.role is not UserRole.SUPER_ADMIN:
                default = viewer.academy_id
                academy_id = await authorise(viewer, default if academy_id is None else academy_id)
            elif academy_id is not None:
                raise InvalidInputError("A super admin is of no academy.", ("academyId",))
            if not viewer.may_grant(person.role):
                message = NO_ADMINS if viewer.is_service else GRANTS_HIGHER_ROLE
                raise ForbiddenError(message, ("role",))
            academy_ids.append(academy_id)
    refusals.check()
    entries: list[_Entry] = []
    for person, academy_id in zip(people, academy_ids, strict=True):
        # Hash one at a time, so that others who change their password are served in between.
        password = person.password
        password_hash = await hash_password(password) if password and is_usable(password) else None
        entries.append(_Entry(person, academy_id, password_hash))
    return await retry_if_raced(lambda: _upsert_all(viewer, entries, now))


async def _upsert_all(viewer: Viewer, entries: list[_Entry], now: datetime) -> list[User]:
    refusals = Refusals()
    users: dict[int, User] = {}
    known: dict[int, UserRole] = {}
    asked = {(one.academy_id, one.person.external_id): one.person.role for one in entries}
    changing: set[int] = set()  # these become students, or cease to be
    concerned: set[int] = set()
    seen: set[Hashable] = set()
    named: dict[int | None, set[str]] = {}
    async with atomic() as tx:
        await lock_for_lists(entry.academy_id for entry in entries)
        for entry in entries:
            external_ids = {entry.person.external_id, *(entry.person.guardian_external_ids or ())}
            named.setdefault(entry.academy_id, set()).update(external_ids)
        for academy_id, external_ids in named.items():
            for some in sql.batches(sorted(external_ids)):
                rows = await User.filter(academy_id=academy_id, external_id__in=some)
                known |= {row.id: row.role for row in rows}
                for row in rows:
                    roles = {row.role, asked.get((academy_id, str(row.external_id)), row.role)}
                    if len(roles) > 1 and UserRole.STUDENT in roles:
                        changing.add(row.id)
        drafts = await lock_classes(changing, now)
        # Lock at once all who are written here or reviewed at the end, in the order of all locks.
        await lock_people(await with_guardians(known.keys() | await read_students_of(drafts)))
        for n, entry in enumerate(entries):
            with refusals.under(n):
                check_named_once(seen, (entry.academy_id, entry.person.external_id))
                users[n] = await _upsert(tx, viewer, entry, now, concerned)
        # Guardians come last: a parent may stand after their child in the list.
        for n, user in users.items():
            with refusals.under(n):
                concerned |= await _set_guardians(user, entries[n].person.guardian_external_ids)
        refusals.check()
        await write_words(users.values())
        await access_keys.note_changes(viewer, users.values(), known, now)
        for draft in drafts:
            await fill(draft)
        await write(tx, drafts, now, concerned)
    return list(users.values())


async def _upsert(
    tx: Transaction, viewer: Viewer, entry: _Entry, now: datetime, concerned: set[int]
) -> User:
    """Write one person, and add them to `concerned` if they may lose a right by it."""
    person, academy_id = entry.person, entry.academy_id
    check_external_id(person.external_id)
    for name, field in (("first_name", "firstName"), ("last_name", "lastName")):
        person.values[name] = cleaned(person.values[name], NAME_MAX_CHARS, field)
    if person.password is not None:
        check_usable(person.password, "password")
    user = await User.get_or_none(academy_id=academy_id, external_id=person.external_id)
    if user is not None and not viewer.may_grant(user.role):
        raise ForbiddenError(NO_ADMINS if viewer.is_service else HIGHER_ROLE, ("externalId",))
    await check_email(person, academy_id, user)
    await _check_sign_in(viewer, person, user)
    values = person.values | {"role": person.role} | _password_values(viewer, entry, user)
    if user is None:
        return await User.create(
            external_id=person.external_id, academy_id=academy_id, created_at=now, **values
        )
    before = user.role, user.is_active
    await user.update_from_dict(values).save(update_fields=list(values))
    if "password_hash" in values or not user.is_active:
        # Nobody stays signed in with an old password, or as a person who is not active.
        await refresh_tokens.end_families(tx, user.id, now)
    if before != (user.role, user.is_active):
        concerned.add(user.id)
    return user


async def _check_sign_in(viewer: Viewer, person: PersonInput, user: User | None) -> None:
    """Refuse an access key that sets the email or password of somebody who is a supervisor or
    above, gets to be one, or was one until a key changed it; the same email again is no change."""
    present = user.email if user else None
    is_new_email = person.values.get("email", present) != present
    if not viewer.is_service or not (is_new_email or person.password is not None):
        return
    roles = {person.role, user.role if user else person.role}
    is_below = all(viewer.may_set_sign_in(role) for role in roles)
    if is_below and not (user and await access_keys.has_demoted(user)):
        return
    field = "email" if person.password is None else "password"
    raise ForbiddenError(KEY_SETS_NOTHING, (field,))


def _password_values(viewer: Viewer, entry: _Entry, user: User | None) -> dict[str, Any]:
    """Return the columns of a new password; nothing where the password is kept.

    Who becomes a supervisor or more loses a password that a thief of an access key may know.
    """
    if entry.password_hash is not None:
        return {"password_hash": entry.password_hash, "has_key_password": viewer.is_service}
    if user is None or not user.has_key_password:
        return {}
    supervisor = ROLE_RANK[UserRole.SUPERVISOR]
    is_raised = ROLE_RANK[user.role] < supervisor <= ROLE_RANK[entry.person.role]
    return {"password_hash": None, "has_key_password": False} if is_raised else {}


async def check_email(person: PersonInput, academy_id: int | None, user: User | None) -> None:
    """Normalise the email in place; refuse one that is none, or that somebody else has."""
    given = person.values.get("email")
    if given is None:
        return
    email = email_of(given)  # before its length counts: some letters become two in lower case
    if not email:
        person.values["email"] = None
        return
    if len(email) > EMAIL_MAX_CHARS or not (EMAIL.fullmatch(email) and email.isprintable()):
        raise InvalidInputError("Not an email address.", ("email",))
    person.values["email"] = email
    owner = await User.get_or_none(academy_id=academy_id, email=email)
    if owner is not None and (user is None or owner.id != user.id):
        raise AlreadyExistsError("Somebody else has this email.", ("email",))


async def _set_guardians(child: User, external_ids: list[str] | None) -> set[int]:
    """Replace a child's guardians; None keeps them. Returns the ids of the former guardians."""
    if external_ids is None:
        return set()
    if external_ids and child.role is not UserRole.STUDENT:
        raise InvalidInputError("Only a student has guardians.", ("guardianExternalIds",))
    if len(external_ids) > CHILD_MAX_GUARDIANS:
        raise InvalidInputError(
            f"At most {CHILD_MAX_GUARDIANS} guardians.", ("guardianExternalIds",)
        )
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
