"""A thief of an access key keeps no way in once it is revoked, and what the key made is listed."""

from datetime import timedelta
from typing import Any

import pytest

from actions.identity import access_keys
from domain.access import UserRole
from models import Academy, AccessKey, AccessKeyChange, RefreshToken, User
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.sign_ins import CHANGE, PASSWORD, SIGN_IN
from tests.support.upserts import person, refusals, upsert_users

NOW = make.ELEVEN
EMAIL = "sara@example.org"
OTHERS = "own battery staple"
CHANGES = """
query ($id: ID!, $first: Int, $after: String) {
  node(id: $id) {
    ... on AccessKey {
      changes(first: $first, after: $after) {
        edges { cursor node { what at user { externalId } } } pageInfo { hasNextPage }
      }
    }
  }
}
"""


@pytest.fixture
async def itqan(asker: Asker) -> Academy:
    return await make.academy("itqan")


@pytest.fixture
async def admin(itqan: Academy) -> User:
    return await make.user(itqan, UserRole.ACADEMY_ADMIN)


@pytest.fixture
async def key(itqan: Academy, admin: User) -> User:
    """The user that an access key acts as."""
    made = await access_keys.create_access_key(make.viewer(admin), itqan.id, "Platform", None, NOW)
    return await User.get(id=made.row.user_id)


async def signs_in(asker: Asker, password: str) -> bool:
    answer = await asker.ask(SIGN_IN, now=NOW, email=EMAIL, password=password)
    assert code(answer) in (None, "INVALID_CREDENTIALS")
    return code(answer) is None


async def change_password(asker: Asker, current: str, new: str) -> None:
    payload(await asker.ask(CHANGE, await User.get(email=EMAIL), now=NOW, current=current, new=new))


async def upsert(asker: Asker, by: User, **values: Any) -> None:
    payload(await upsert_users(asker, by, person("sara", **values)))


@pytest.mark.parametrize("wish", [{"password": PASSWORD}, {"email": "thief@example.org"}])
@pytest.mark.parametrize("stands", ["new", "supervisor", "promoted", "demoted"])
async def test_a_key_sets_no_sign_in_of_a_supervisor(
    asker: Asker, admin: User, key: User, stands: str, wish: dict[str, str]
) -> None:
    roles = {"supervisor": "SUPERVISOR", "promoted": "TEACHER", "demoted": "SUPERVISOR"}
    if stands in roles:
        await upsert(asker, admin, role=roles[stands], email=EMAIL, password=PASSWORD)
    before = await User.all().values()
    role = "STUDENT" if stands == "demoted" else "SUPERVISOR"
    others = person("s1"), person("s2", password=PASSWORD, email="s2@example.org")
    answer = await upsert_users(asker, key, *others, person("sara", role=role) | wish)
    assert refusals(answer) == [("FORBIDDEN", ["users", "2", *wish])]
    assert await User.all().values() == before


async def test_a_key_sends_the_same_email_again_and_creates_supervisors_without_a_sign_in(
    asker: Asker, admin: User, key: User
) -> None:
    await upsert(asker, admin, role="SUPERVISOR", email=EMAIL, password=PASSWORD)
    await upsert(asker, key, role="SUPERVISOR", email=" Sara@Example.org", lastName="Omar")
    assert await signs_in(asker, PASSWORD)
    payload(await upsert_users(asker, key, person("huda", role="SUPERVISOR")))
    # A person who may do so gives them one.
    payload(await upsert_users(asker, admin, person("huda", role="SUPERVISOR", password=OTHERS)))
    assert not (await User.get(external_id="huda")).has_key_password


@pytest.mark.parametrize(
    ("promoter", "role"),
    [("admin", "SUPERVISOR"), ("admin", "ACADEMY_ADMIN"), ("key", "SUPERVISOR")],
)
async def test_promotion_drops_a_password_that_a_key_set_and_ends_its_sign_ins(
    asker: Asker, admin: User, key: User, promoter: str, role: str
) -> None:
    await upsert(asker, key, role="TEACHER", email=EMAIL, password=PASSWORD)
    assert await signs_in(asker, PASSWORD)
    await upsert(asker, {"admin": admin, "key": key}[promoter], role=role)
    assert not await signs_in(asker, PASSWORD)
    assert not await RefreshToken.exists(revoked_at=None)
    assert (await User.get(email=EMAIL)).password_hash is None


async def test_promotion_keeps_a_password_that_a_person_set(
    asker: Asker, admin: User, key: User
) -> None:
    await upsert(asker, key, role="TEACHER", email=EMAIL, password=PASSWORD)
    await upsert(asker, admin, role="TEACHER", password=OTHERS)
    await upsert(asker, key, role="SUPERVISOR")
    assert await signs_in(asker, OTHERS)


async def test_promotion_with_a_new_password_sets_that(
    asker: Asker, admin: User, key: User
) -> None:
    await upsert(asker, key, role="TEACHER", email=EMAIL, password=PASSWORD)
    await upsert(asker, admin, role="SUPERVISOR", password=OTHERS)
    assert await signs_in(asker, OTHERS)


@pytest.mark.parametrize("promoter", ["admin", "key"])
async def test_a_thief_who_changes_the_password_themselves_gains_nothing(
    asker: Asker, admin: User, key: User, promoter: str
) -> None:
    await upsert(asker, key, role="TEACHER", email=EMAIL, password=PASSWORD)
    for former, new in ((PASSWORD, OTHERS), (OTHERS, PASSWORD + "!"), (PASSWORD + "!", OTHERS)):
        await change_password(asker, former, new)
    row = await AccessKey.get(user_id=key.id)
    if promoter == "admin":
        await access_keys.revoke_access_key(make.viewer(admin), row.id, NOW)
    await upsert(asker, {"admin": admin, "key": key}[promoter], role="SUPERVISOR")
    assert not await signs_in(asker, OTHERS)
    # Who gets a new one from a person keeps it, also when they change it themselves.
    await upsert(asker, admin, role="TEACHER", password=PASSWORD)
    await change_password(asker, PASSWORD, OTHERS)
    await upsert(asker, admin, role="SUPERVISOR")
    assert await signs_in(asker, OTHERS)


@pytest.mark.parametrize("wish", [{"password": PASSWORD}, {"email": "thief@example.org"}])
async def test_a_key_sets_no_sign_in_of_somebody_whom_a_key_demoted(
    asker: Asker, admin: User, key: User, wish: dict[str, str]
) -> None:
    await upsert(asker, admin, role="SUPERVISOR", email=EMAIL, password=OTHERS)
    await upsert(asker, key, role="TEACHER")
    before = await User.all().values()
    answer = await upsert_users(asker, key, person("sara", role="TEACHER") | wish)
    assert refusals(answer) == [("FORBIDDEN", ["users", "0", *wish])]
    assert await User.all().values() == before
    await upsert(asker, key, role="STUDENT", email=EMAIL, lastName="Omar")
    await upsert(asker, admin, role="STUDENT", email="new@example.org")  # a person may
    await upsert(asker, key, role="SUPERVISOR")
    assert (await User.get(external_id="sara")).password_hash


async def test_people_whom_a_key_created_or_whose_role_it_changed_are_listed(
    asker: Asker, itqan: Academy, admin: User, key: User
) -> None:
    row = await AccessKey.get(user_id=key.id)
    await upsert(asker, admin)
    people = (
        person("sara", role="TEACHER"),
        person("p1", role="PARENT"),
        person("p2", role="PARENT"),
    )
    payload(await upsert_users(asker, key, *people))
    payload(await upsert_users(asker, key, person("p1", role="PARENT", firstName="Huda")))
    payload(await upsert_users(asker, key, person("p2", role="SUPERVISOR")))
    payload(await upsert_users(asker, admin, person("p2", role="PARENT")))
    listed, after = [], None
    id = encode(Kind.ACCESS_KEY, row.id)
    for has_next in (True, False):
        page = payload(await asker.ask(CHANGES, admin, id=id, first=2, after=after))["changes"]
        assert page["pageInfo"] == {"hasNextPage": has_next}
        listed += [
            (edge["node"]["user"]["externalId"], edge["node"]["what"]) for edge in page["edges"]
        ]
        after = page["edges"][-1]["cursor"]
        assert {edge["node"]["at"] for edge in page["edges"]} == {"2026-03-02T11:00:00.000Z"}
    assert listed == [
        ("sara", "STUDENT to TEACHER"),
        ("p1", "created as PARENT"),
        ("p2", "created as PARENT"),
        ("p2", "PARENT to SUPERVISOR"),
    ]
    await access_keys.revoke_access_key(make.viewer(admin), row.id, NOW + timedelta(hours=1))
    again = payload(await asker.ask(CHANGES, admin, id=id))["changes"]
    assert len(again["edges"]) == 4
    supervisor = await make.user(itqan, UserRole.SUPERVISOR)
    foreign = await make.user(await make.academy(), UserRole.ACADEMY_ADMIN)
    for other in (supervisor, foreign):
        assert payload(await asker.ask(CHANGES, other, id=id)) is None


async def test_a_refused_list_of_a_keys_is_not_noted(asker: Asker, key: User) -> None:
    answer = await upsert_users(asker, key, person("new"), person("bad", firstName=" "))
    assert code(answer) == "INVALID_INPUT"
    assert not await AccessKeyChange.exists()
