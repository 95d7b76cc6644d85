"""The academy's own system upserts people: all or none, as often as it likes."""

import asyncio
from typing import Any

import pytest

from actions.identity.sign_ins import Credentials, sign_in
from domain.access import UserRole
from domain.errors import InvalidCredentialsError
from models import Academy, Guardianship, User
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.scene import dump
from tests.support.upserts import person, refusals, upsert_users

PASSWORD = "correct horse battery"


@pytest.fixture
async def academy(database: Database) -> Academy:
    return await make.academy("itqan")


@pytest.fixture
async def admin(academy: Academy) -> User:
    return await make.user(academy, UserRole.ACADEMY_ADMIN, email="admin@example.org")


async def test_the_same_external_id_again_is_an_update(asker: Asker, admin: User) -> None:
    first = payload(await upsert_users(asker, admin, person("s1", email="Sara@Example.org")))
    (made,) = first["users"]
    assert made | {"id": ""} == {
        "id": "",
        "externalId": "s1",
        "firstName": "Sara",
        "lastName": "Ali",
        "email": "sara@example.org",
        "role": "STUDENT",
        "isActive": True,
        "guardians": [],
    }
    before = await dump()
    again = payload(await upsert_users(asker, admin, person("s1", email="Sara@Example.org")))
    assert again == first
    assert await dump() == before
    renamed = payload(await upsert_users(asker, admin, person("s1", firstName="  Sarah ")))
    assert renamed["users"][0] == made | {"firstName": "Sarah"}


async def test_fields_left_out_are_kept_and_null_clears_them(asker: Asker, admin: User) -> None:
    full = person(
        "s1",
        email="sara@example.org",
        password=PASSWORD,
        isActive=False,
        guardianExternalIds=["p1"],
    )
    payload(await upsert_users(asker, admin, full, person("p1", role="PARENT")))
    kept = payload(await upsert_users(asker, admin, person("s1")))["users"][0]
    assert (kept["email"], kept["isActive"]) == ("sara@example.org", False)
    assert kept["guardians"] == [{"externalId": "p1"}]
    assert (await User.get(external_id="s1")).password_hash
    cleared = person("s1", email=" ", guardianExternalIds=[])
    done = payload(await upsert_users(asker, admin, cleared))["users"][0]
    assert (done["email"], done["isActive"], done["guardians"]) == (None, False, [])


async def test_a_password_that_is_set_signs_in_and_the_one_before_does_not(
    asker: Asker, admin: User
) -> None:
    sara = person("s1", email="sara@example.org")
    await upsert_users(asker, admin, sara | {"password": PASSWORD})
    await upsert_users(asker, admin, sara | {"password": "another one entirely"})
    found = await sign_in(
        "s" * 32, Credentials("sara@example.org", "another one entirely"), make.ELEVEN
    )
    assert found.user.external_id == "s1"
    with pytest.raises(InvalidCredentialsError):
        await sign_in("s" * 32, Credentials("sara@example.org", PASSWORD), make.ELEVEN)


async def test_one_bad_row_and_none_is_stored_and_each_is_told_its_path(
    asker: Asker, admin: User
) -> None:
    before = await dump()
    answer = await upsert_users(
        asker,
        admin,
        person("good", email="good@example.org"),
        person("s1", firstName=" "),
        person("s2", lastName="x" * 101),
        person("s3", email="not an address"),
        person("s4", password="short"),
        person("s5", email="ADMIN@example.org"),
        person("s6", email="good@example.org"),
        person("s7", guardianExternalIds=["nobody"]),
        person("s8", guardianExternalIds=["good"]),
        person("good"),
        person("x" * 201),
        person(""),
    )
    assert refusals(answer) == [
        ("INVALID_INPUT", ["users", "1", "firstName"]),
        ("INVALID_INPUT", ["users", "2", "lastName"]),
        ("INVALID_INPUT", ["users", "3", "email"]),
        ("INVALID_INPUT", ["users", "4", "password"]),
        ("ALREADY_EXISTS", ["users", "5", "email"]),
        ("ALREADY_EXISTS", ["users", "6", "email"]),
        ("NOT_FOUND", ["users", "7", "guardianExternalIds"]),
        ("NOT_FOUND", ["users", "8", "guardianExternalIds"]),  # a student is nobody's guardian
        ("INVALID_INPUT", ["users", "9", "externalId"]),
        ("INVALID_INPUT", ["users", "10", "externalId"]),
        ("INVALID_INPUT", ["users", "11", "externalId"]),
    ]
    assert answer["data"]["upsertUsers"]["users"] == []
    assert await dump() == before


async def test_at_most_five_hundred_at_once_and_at_least_one(asker: Asker, admin: User) -> None:
    many = [person(f"s{n}") for n in range(500)]
    assert refusals(await upsert_users(asker, admin, *many, person("one more"))) == [
        ("INVALID_INPUT", ["users"])
    ]
    assert refusals(await upsert_users(asker, admin)) == [("INVALID_INPUT", ["users"])]
    done = payload(await upsert_users(asker, admin, *many))
    assert [user["externalId"] for user in done["users"]] == [f"s{n}" for n in range(500)]


async def test_guardians_are_replaced_and_may_come_after_their_children(
    asker: Asker, admin: User
) -> None:
    parents = [person(f"p{n}", role="PARENT") for n in (1, 2, 3)]
    child = person("s1", guardianExternalIds=["p1", "p2"])
    payload(await upsert_users(asker, admin, child, *parents))
    assert await guardians("s1") == ["p1", "p2"]
    payload(await upsert_users(asker, admin, child | {"guardianExternalIds": ["p3", "p2", "p3"]}))
    assert await guardians("s1") == ["p2", "p3"]
    payload(await upsert_users(asker, admin, child | {"guardianExternalIds": []}))
    assert await guardians("s1") == []


async def test_only_a_student_has_guardians(asker: Asker, admin: User) -> None:
    payload(await upsert_users(asker, admin, person("p1", role="PARENT")))
    for role in ("TEACHER", "SUPERVISOR", "PARENT", "ACADEMY_ADMIN"):
        answer = await upsert_users(
            asker, admin, person("s1"), person("t1", role=role, guardianExternalIds=["p1"])
        )
        assert refusals(answer) == [("INVALID_INPUT", ["users", "1", "guardianExternalIds"])]
        payload(await upsert_users(asker, admin, person("t1", role=role, guardianExternalIds=[])))
    assert not await Guardianship.exists()


async def guardians(external_id: str) -> list[str]:
    ties = await Guardianship.filter(child__external_id=external_id).select_related("guardian")
    return sorted(str(tie.guardian.external_id) for tie in ties)


@pytest.mark.parametrize(
    ("role", "expected"),
    [("SUPER_ADMIN", "FORBIDDEN"), ("ACADEMY_ADMIN", None), ("SUPERVISOR", None)],
)
async def test_nobody_grants_a_role_above_their_own(
    asker: Asker, admin: User, role: str, expected: str | None
) -> None:
    before = await dump()
    answer = await upsert_users(asker, admin, person("new", role=role))
    assert code(answer) == expected
    if expected:
        assert refusals(answer) == [(expected, ["users", "0", "role"])]
        assert await dump() == before


async def test_nobody_edits_somebody_above_them(asker: Asker, academy: Academy) -> None:
    """No super admin belongs to an academy; if one did, its admins could not change them."""
    admin = await make.user(academy, UserRole.ACADEMY_ADMIN)
    await make.user(academy, UserRole.SUPER_ADMIN, external_id="root")
    before = await dump()
    answer = await upsert_users(asker, admin, person("root", password=PASSWORD))
    assert refusals(answer) == [("FORBIDDEN", ["users", "0", "externalId"])]
    assert await dump() == before


@pytest.mark.parametrize(
    "role", [UserRole.SUPERVISOR, UserRole.TEACHER, UserRole.STUDENT, UserRole.PARENT]
)
async def test_only_admins_may_upsert_people(
    asker: Asker, academy: Academy, role: UserRole
) -> None:
    viewer = await make.user(academy, role, external_id="me")
    before = await dump()
    for wish in (
        person("new"),
        person("me", role="ACADEMY_ADMIN"),
        person("x", role="SUPER_ADMIN"),
    ):
        assert code(await upsert_users(asker, viewer, wish)) == "FORBIDDEN"
    assert await dump() == before


async def test_another_academys_people_are_out_of_reach(asker: Asker, admin: User) -> None:
    another = await make.academy("another")
    await make.parent(another, external_id="p1")
    theirs = await make.student(another, external_id="s1")
    before = await dump()
    there = _id(another)
    assert refusals(await upsert_users(asker, admin, person("s1", academyId=there))) == [
        ("NOT_FOUND", ["users", "0", "academyId"])
    ]
    assert refusals(await upsert_users(asker, admin, person("s1", academyId="bm9uc2Vuc2U="))) == [
        ("NOT_FOUND", ["users", "0", "academyId"])
    ]
    answer = await upsert_users(asker, admin, person("s2", guardianExternalIds=["p1"]))
    assert refusals(answer) == [("NOT_FOUND", ["users", "0", "guardianExternalIds"])]
    assert await dump() == before
    # In the other academy the same external id and email are another person's.
    payload(await upsert_users(asker, admin, person("s1", firstName="Mine")))
    assert (await User.get(id=theirs.id)).first_name != "Mine"


async def test_a_super_admin_says_of_which_academy(asker: Asker, academy: Academy) -> None:
    root = await make.user(None, UserRole.SUPER_ADMIN)
    assert refusals(await upsert_users(asker, root, person("s1"))) == [
        ("INVALID_INPUT", ["users", "0", "academyId"])
    ]
    payload(await upsert_users(asker, root, person("s1", academyId=_id(academy))))
    assert (await User.get(external_id="s1")).academy_id == academy.id
    other = person("root2", role="SUPER_ADMIN", email="root2@example.org")
    assert refusals(await upsert_users(asker, root, other | {"academyId": _id(academy)})) == [
        ("INVALID_INPUT", ["users", "0", "academyId"])
    ]
    made = payload(await upsert_users(asker, root, other))
    assert payload(await upsert_users(asker, root, other)) == made
    assert (await User.get(external_id="root2")).academy_id is None


def _id(academy: Academy) -> str:
    return encode(Kind.ACADEMY, academy.id)


async def test_two_equal_upserts_at_once_are_one(asker: Asker, admin: User) -> None:
    people = [person(f"p{n}", role="PARENT") for n in range(5)]
    people += [person(f"s{n}", guardianExternalIds=[f"p{n}"]) for n in range(5)]
    backwards = [*reversed(people)]
    answers: list[Any] = await asyncio.gather(
        *(upsert_users(asker, admin, *rows) for rows in (people, backwards, people, backwards))
    )
    found = [{user["externalId"]: user for user in payload(a)["users"]} for a in answers]
    assert found[0] == found[1] == found[2] == found[3]
    assert await User.all().count() == 11
    assert await Guardianship.all().count() == 5
