"""Access keys: made, shown once, used by the academy's own system, and revoked at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

import clock
from actions.identity import access_keys
from actions.identity.access_keys import ACADEMY_MAX_KEYS, KEPT_ENDED
from actions.identity.access_tokens import issue
from actions.identity.viewers import Keyring, viewer_of
from domain.access import UserRole, Viewer
from domain.errors import UnauthenticatedError
from models import Academy, AccessKey, User
from schema.types.ids import Kind, encode
from settings import current
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import Served, headers, serving_app
from tests.support.asking import Asker, code, payload
from tests.support.sign_ins import PASSWORD, SIGN_IN
from tests.support.sockets import dial, ended, heard, subscribe
from tests.support.upserts import person, refusals, upsert_users

NOW = make.ELEVEN
KEY = "id name user { id firstName role isService email } createdAt lastUsedAt expiresAt revokedAt"
CREATE = f"""
mutation ($academy: ID!, $name: String!, $until: DateTime) {{
  createAccessKey(academyId: $academy, name: $name, expiresAt: $until) {{
    accessKey {{ {KEY} }} secret errors {{ code field }}
  }}
}}
"""
REVOKE = f"""
mutation ($id: ID!) {{
  revokeAccessKey(id: $id) {{ accessKey {{ {KEY} }} secret errors {{ code field }} }}
}}
"""
LIST = f"query ($id: ID!) {{ academy(id: $id) {{ accessKeys {{ {KEY} }} }} }}"
NODE = "query ($id: ID!) { node(id: $id) { id ... on AccessKey { name } } }"


@pytest.fixture
async def itqan(database: Database) -> Academy:
    return await make.academy("itqan")


@pytest.fixture
async def admin(itqan: Academy) -> User:
    return await make.user(itqan, UserRole.ACADEMY_ADMIN)


def id_of(academy: Academy) -> str:
    return encode(Kind.ACADEMY, academy.id)


async def create(
    asker: Asker, by: User, academy: Academy, name: str = "Platform", **wish: Any
) -> dict[str, Any]:
    return await asker.ask(CREATE, by, now=NOW, academy=id_of(academy), name=name, **wish)


async def speaks(secret: str, now: datetime = NOW) -> Viewer:
    return await viewer_of(Keyring.of(current()), secret, now)


async def is_refused(secret: str, now: datetime = NOW) -> None:
    with pytest.raises(UnauthenticatedError):
        await speaks(secret, now)


async def user_of(key: dict[str, Any]) -> User:
    row = await AccessKey.get(name=key["name"]).select_related("user")
    return row.user


# --- made


async def test_a_key_is_shown_once_and_acts_as_an_admin_of_its_own(
    asker: Asker, itqan: Academy, admin: User
) -> None:
    made = payload(await create(asker, admin, itqan, "  Platform "))
    key, secret = made["accessKey"], made["secret"]
    assert key | {"id": "", "user": {}} == {
        "id": "",
        "name": "Platform",
        "user": {},
        "createdAt": "2026-03-02T11:00:00.000Z",
        "lastUsedAt": None,
        "expiresAt": None,
        "revokedAt": None,
    }
    assert key["user"] | {"id": ""} == {
        "id": "",
        "firstName": "Platform",
        "role": "ACADEMY_ADMIN",
        "isService": True,
        "email": None,
    }
    (row,) = await AccessKey.all()
    assert secret.startswith(f"hlq_{row.id}_")
    assert row.secret_hash not in secret
    viewer = await speaks(secret)
    assert (viewer.user_id, viewer.role, viewer.academy_id, viewer.expires_at) == (
        row.user_id,
        UserRole.ACADEMY_ADMIN,
        itqan.id,
        None,
    )
    listed = payload(await asker.ask(LIST, admin, id=id_of(itqan)))["accessKeys"]
    assert listed == [key | {"lastUsedAt": "2026-03-02T11:00:00.000Z"}]


async def test_the_service_user_of_a_key_cannot_sign_in(
    asker: Asker, itqan: Academy, admin: User
) -> None:
    made = payload(await create(asker, admin, itqan))
    user = await user_of(made["accessKey"])
    await User.filter(id=user.id).update(email="key@example.org", password_hash="x")
    answer = await asker.ask(SIGN_IN, email="key@example.org", password=PASSWORD)
    assert code(answer) == "INVALID_CREDENTIALS"
    await is_refused(issue(current().jwt_secret.get_secret_value(), user, NOW)[0])


async def test_a_key_keeps_people_in_step_and_makes_no_keys(
    asker: Asker, itqan: Academy, admin: User
) -> None:
    made = payload(await create(asker, admin, itqan))
    key = await user_of(made["accessKey"])
    payload(await upsert_users(asker, key, person("s1")))
    payload(await upsert_users(asker, key, person("v1", role="SUPERVISOR")))
    above = await upsert_users(asker, key, person("r1", role="SUPER_ADMIN"))
    assert code(above) == "FORBIDDEN"
    assert code(await create(asker, key, itqan, "Another")) == "FORBIDDEN"
    revoked = await asker.ask(REVOKE, key, now=NOW, id=made["accessKey"]["id"])
    assert code(revoked) == "FORBIDDEN"
    assert await AccessKey.filter(revoked_at=None).count() == 1


@pytest.mark.parametrize(
    "wish",
    [
        {"password": PASSWORD},
        {"isActive": False},
        {"role": "TEACHER"},
        {"email": "else@example.org"},
    ],
)
async def test_a_key_does_nothing_that_would_outlive_it(
    asker: Asker, itqan: Academy, admin: User, wish: dict[str, Any]
) -> None:
    """A key cannot make keys, nor people who can."""
    key = await user_of(payload(await create(asker, admin, itqan))["accessKey"])
    payload(await upsert_users(asker, key, person("s1")))
    for one in ("new", "s1"):
        answer = await upsert_users(asker, key, person(one, role="ACADEMY_ADMIN"))
        assert refusals(answer) == [("FORBIDDEN", ["users", "0", "role"])]
    payload(await upsert_users(asker, admin, person("a1", role="ACADEMY_ADMIN")))
    before = await User.get(external_id="a1").values()
    answer = await upsert_users(asker, key, person("a1") | wish)
    assert refusals(answer) == [("FORBIDDEN", ["users", "0", "externalId"])]
    assert await User.get(external_id="a1").values() == before


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"until": NOW.isoformat()}, "expiresAt"),
        ({"until": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ],
)
async def test_an_access_key_with_an_invalid_value_is_refused_by_field(
    asker: Asker, itqan: Academy, admin: User, wish: dict[str, Any], field: str
) -> None:
    answer = await create(asker, admin, itqan, **wish)
    assert answer["data"]["createAccessKey"]["errors"] == [
        {"code": "INVALID_INPUT", "field": [field]}
    ]
    assert not await AccessKey.exists()
    assert not await User.exists(is_service=True)


async def test_an_academy_has_so_many_that_work_and_remembers_so_many_that_did(
    asker: Asker, itqan: Academy, admin: User
) -> None:
    viewer = make.viewer(admin)
    for n in range(KEPT_ENDED + 5):
        made = await access_keys.create_access_key(viewer, itqan.id, f"old {n}", None, NOW)
        await access_keys.revoke_access_key(viewer, made.row.id, NOW)
    attempts = [create(asker, admin, itqan, f"new {n}") for n in range(ACADEMY_MAX_KEYS + 5)]
    codes = [code(answer) for answer in await asyncio.gather(*attempts)]
    assert codes.count(None) == ACADEMY_MAX_KEYS
    assert codes.count("INVALID_INPUT") == 5
    listed = payload(await asker.ask(LIST, admin, id=id_of(itqan)))["accessKeys"]
    assert len(listed) == ACADEMY_MAX_KEYS + KEPT_ENDED
    assert listed[-1]["name"] == "old 5"


# --- used


async def test_only_the_whole_key_is_the_key(asker: Asker, itqan: Academy, admin: User) -> None:
    one = payload(await create(asker, admin, itqan))["secret"]
    other = payload(await create(asker, admin, itqan))["secret"]
    prefix, number, random = one.split("_", 2)
    for wrong in (
        one[:-1],
        one + "A",
        one[:-1] + ("B" if one[-1] == "A" else "A"),
        f"{prefix}_{int(number) + 1}_{random}",
        f"{prefix}_999999999_{random}",
        f"{prefix}_99999999999999999999_{random}",
        f"{prefix}_{number}_",
        f"{prefix}_{number}_" + "é" * 43,
        f"hlq_{number}\n_{random}",
        "hlq_",
    ):
        await is_refused(wrong)
    assert (await speaks(one)).user_id != (await speaks(other)).user_id


async def test_the_use_of_a_key_is_noted_once_a_minute(
    asker: Asker, itqan: Academy, admin: User
) -> None:
    secret = payload(await create(asker, admin, itqan))["secret"]
    noted = []
    for seconds in (0, 1, 59, 60, 61, 200):
        await asyncio.gather(*(speaks(secret, NOW + timedelta(seconds=seconds)) for _ in range(3)))
        (row,) = await AccessKey.all()
        assert row.last_used_at
        noted.append(int((row.last_used_at - NOW).total_seconds()))
    assert noted == [0, 0, 0, 60, 60, 200]


# --- gone


async def test_an_expired_key_does_not_work(asker: Asker, itqan: Academy, admin: User) -> None:
    until = NOW + timedelta(hours=1)
    secret = payload(await create(asker, admin, itqan, until=until.isoformat()))["secret"]
    assert (await speaks(secret, until - timedelta(seconds=1))).expires_at == until
    await is_refused(secret, until)


async def test_a_revoked_key_does_not_work_and_stays_revoked(
    asker: Asker, itqan: Academy, admin: User
) -> None:
    made = payload(await create(asker, admin, itqan))
    number = made["accessKey"]["id"]
    for now in (NOW, NOW + timedelta(hours=1)):
        revoked = payload(await asker.ask(REVOKE, admin, now=now, id=number))
        assert revoked["secret"] is None
        assert revoked["accessKey"]["revokedAt"] == "2026-03-02T11:00:00.000Z"
        await is_refused(made["secret"])
    assert not (await user_of(made["accessKey"])).is_active


async def test_a_key_whose_user_was_deactivated_does_not_work(
    asker: Asker, itqan: Academy, admin: User
) -> None:
    secret = payload(await create(asker, admin, itqan))["secret"]
    await User.filter(is_service=True).update(is_active=False)
    await is_refused(secret)


async def test_nobody_else_sees_keys(asker: Asker, itqan: Academy, admin: User) -> None:
    made = payload(await create(asker, admin, itqan))
    foreign = await make.user(await make.academy(), UserRole.ACADEMY_ADMIN)
    supervisor = await make.user(itqan, UserRole.SUPERVISOR)
    root = await make.user(None, UserRole.SUPER_ADMIN)
    number = made["accessKey"]["id"]
    assert payload(await asker.ask(LIST, supervisor, id=id_of(itqan))) == {"accessKeys": []}
    assert payload(await asker.ask(LIST, foreign, id=id_of(itqan))) is None
    assert len(payload(await asker.ask(LIST, root, id=id_of(itqan)))["accessKeys"]) == 1
    for viewer, name in ((supervisor, None), (foreign, None), (admin, "Platform")):
        found = payload(await asker.ask(NODE, viewer, id=number))
        assert (found and found["name"]) == name


# --- over the wire


@pytest.fixture
async def served(template: Template) -> AsyncIterator[Served]:
    async with serving_app(await template.fresh()) as served:
        yield served


async def test_revoking_a_key_ends_its_sockets(served: Served) -> None:
    academy = await make.academy("itqan")
    admin = await make.user(academy, UserRole.ACADEMY_ADMIN)
    made = await access_keys.create_access_key(
        make.viewer(admin), academy.id, "Platform", None, clock.now()
    )
    async with dial(served.url) as socket:
        init = {"Authorization": f"Bearer {made.secret}"}
        await socket.send(json.dumps({"type": "connection_init", "payload": init}))
        assert await heard(socket) == {"type": "connection_ack"}
        await socket.send(subscribe("subscription { systemStatus { isHealthy } }"))
        assert (await heard(socket))["type"] == "next"
        await served.ask(REVOKE, admin, id=encode(Kind.ACCESS_KEY, made.row.id))
        assert (await ended(socket))[0] == 4403
    async with dial(served.url) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": init}))
        assert (await ended(socket))[0] == 4403


async def test_revoking_a_key_ends_also_a_socket_that_has_nothing_running(served: Served) -> None:
    academy = await make.academy("itqan")
    admin = await make.user(academy, UserRole.ACADEMY_ADMIN)
    made = await access_keys.create_access_key(
        make.viewer(admin), academy.id, "Platform", None, clock.now()
    )
    async with dial(served.url) as socket, dial(served.url) as other:
        init = {"Authorization": f"Bearer {made.secret}"}
        for one, who in ((socket, init), (other, headers(admin))):
            await one.send(json.dumps({"type": "connection_init", "payload": who}))
            assert await heard(one) == {"type": "connection_ack"}
        await served.ask(REVOKE, admin, id=encode(Kind.ACCESS_KEY, made.row.id))
        assert await ended(socket) == (4403, "Forbidden")
        await other.send('{"type":"ping"}')
        assert await heard(other) == {"type": "pong"}
