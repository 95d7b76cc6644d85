"""Users, groups and sessions are found by the beginnings of words, in any spelling."""

from random import Random
from typing import Any

import pytest

from actions.academies.super_admin_create import create_super_admin
from actions.identity.access_keys import create_access_key
from actions.writing.search_words import write_words
from domain.access import UserRole
from domain.session import SessionKind
from models import Academy, SearchWord, Session, User
from models.database import sql
from models.database.connection import client
from models.reading.search import sessions_found, users_found
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, payload
from tests.support.lists import GROUPS, SESSIONS, USERS, ids, names
from tests.support.scene import Scene
from tests.support.upserts import person, upsert_groups, upsert_users

NAMES = {
    "ahmad": ("أحمد", "الهاشمي"),
    "fatima": ("فاطمة", "مُحَمَّد"),
    "huda": ("هدى", "O'Brien"),
    "zoe": ("Zoë", "Straße"),
}


@pytest.fixture
async def academy(database: Database) -> Academy:
    return await make.academy()


@pytest.fixture
async def admin(academy: Academy) -> User:
    return await make.user(academy, UserRole.ACADEMY_ADMIN, first_name="Only", last_name="Admin")


async def keys(asker: Asker, as_: User, search: str, list_: str = "users", **more: Any) -> set[str]:
    """The external ids of what is found."""
    kind = {"users": "UserFilter", "groups": "GroupFilter", "sessions": "SessionFilter"}[list_]
    query = f"query ($f: {kind}) {{ {list_}(first: 100, filter: $f) {{ nodes {{ externalId }} }} }}"
    answer = payload(await asker.ask(query, as_, f={"search": search} | more))
    return {node["externalId"] for node in answer["nodes"]}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("احمد", {"ahmad"}),
        ("هاشمي", {"ahmad"}),  # without the article
        ("الهاش احم", {"ahmad"}),  # in any order, by the beginnings
        ("فاطمه", {"fatima"}),
        ("محمد", {"fatima"}),
        ("هدي", {"huda"}),
        ("obrien", {"huda"}),
        ("zoe", {"zoe"}),
        ("STRASSE zo", {"zoe"}),
        ("zoe هدى", set()),
        ("oe", set()),  # no beginning
    ],
)
async def test_people_are_found_in_any_spelling(
    asker: Asker, admin: User, search: str, found: set[str]
) -> None:
    people = [
        person(key, firstName=first, lastName=last, email=f"mail-{key}@example.org")
        for key, (first, last) in NAMES.items()
    ]
    payload(await upsert_users(asker, admin, *people))
    assert await keys(asker, admin, search) == found
    assert await keys(asker, admin, search, roles=["PARENT"]) == set()


async def test_people_are_found_by_the_beginning_of_their_email_and_key(
    asker: Asker, admin: User
) -> None:
    payload(await upsert_users(asker, admin, person("S-17 b", email="Sara.Ali@Example.org")))
    for search in ("sara.ali@ex", "S-17", "s-17 B", "Sara Ali", "sara s-17"):
        assert await keys(asker, admin, search) == {"S-17 b"}, search
    for search in ("example.org", "li@", "17"):
        assert await keys(asker, admin, search) == set(), search


@pytest.mark.parametrize("search", ["", "  ", "@", "- …"])
async def test_a_search_without_a_letter_finds_all(asker: Asker, admin: User, search: str) -> None:
    payload(await upsert_users(asker, admin, person("s1"), person("s2")))
    assert {"s1", "s2"} <= await keys(asker, admin, search)


async def test_words_follow_their_row(asker: Asker, admin: User) -> None:
    payload(await upsert_users(asker, admin, person("s1", email="old@example.org")))
    new = person("s1", firstName="مريم", email="new@example.org")
    payload(await upsert_users(asker, admin, new))
    before = await SearchWord.all().order_by("id").values_list("id", flat=True)
    payload(await upsert_users(asker, admin, new))
    assert await SearchWord.all().order_by("id").values_list("id", flat=True) == before
    assert await keys(asker, admin, "مريم ali new@") == {"s1"}
    for search in ("sara", "old@"):
        assert await keys(asker, admin, search) == set()


async def test_groups_are_found_by_name_and_key(
    asker: Asker, admin: User, academy: Academy
) -> None:
    group = {"academyId": encode(Kind.ACADEMY, academy.id), "kind": "CIRCLE", "members": []}
    first = group | {"externalId": "g-1", "name": "حلقة القرآن"}
    payload(await upsert_groups(asker, admin, first, group | {"externalId": "h1", "name": "Other"}))
    for search in ("حلقه", "قران", "القران حلق", "G-1"):
        assert await keys(asker, admin, search, "groups") == {"g-1"}, search
    assert await keys(asker, admin, "1", "groups") == set()
    payload(await upsert_groups(asker, admin, first | {"name": "Morning"}))
    assert await keys(asker, admin, "morn", "groups") == {"g-1"}
    assert await keys(asker, admin, "قران", "groups") == set()


UPDATE = """mutation ($id: ID!, $input: UpdateSessionInput!) {
  updateSession(sessionId: $id, input: $input) { errors { code field } }
}"""


async def test_sessions_are_found_by_their_words_and_their_people(
    asker: Asker, admin: User, academy: Academy
) -> None:
    teacher = await make.teacher(academy, first_name="يوسف", last_name="T", external_id="teach-7")
    student = await make.student(academy, first_name="Zoë", last_name="S", email="zed@example.org")
    circle = await make.group(academy, teacher, name="حلقة الفجر", external_id="group-7")
    one = await make.session(
        academy,
        teacher,
        student=student,
        kind=SessionKind.ACADEMIC,
        title="سورة الكهف",
        subject="Tajwīd",
        external_id="one",
    )
    await make.session(academy, teacher, group=circle, title="Juz 30", external_id="two")

    async def found(search: str) -> set[str]:
        return await keys(asker, admin, search, "sessions")

    assert await found("سوره كهف") == await found("tajwid") == await found("zoe") == {"one"}
    assert await found("فجر") == await found("juz 30") == {"two"}
    assert await found("يوسف") == {"one", "two"}
    assert await found("zoe tajw يوس") == {"one"}  # each word somewhere
    assert await found("zoe فجر") == set()
    for key in ("teach-7", "zed@", "group-7"):  # keys of others are no words of a session
        assert await found(key) == set(), key
    changed = {"title": "Surat Maryam", "subject": ""}
    payload(await asker.ask(UPDATE, admin, id=encode(Kind.SESSION, one.id), input=changed))
    assert await found("maryam") == {"one"}
    assert await found("كهف") == await found("tajwid") == set()
    # A person's new name, and a new person, need no change of the session's own words.
    student.first_name = "Salma"
    await student.save()
    await write_words([student])
    assert (await found("salma"), await found("zoe")) == ({"one"}, set())


async def test_a_search_never_shows_what_the_viewer_may_not_see(asker: Asker, there: Scene) -> None:
    """Everybody of the scene is named by their role, and has an email that begins with it."""
    assert await names(asker, there, USERS, "student", search="classmate@") == set()
    assert await names(asker, there, USERS, "teacher", search="supervisor") == set()
    assert await names(asker, there, USERS, "parent", search="student") == {"student"}
    assert await names(asker, there, SESSIONS, "student", search="teacher") == {"mine"}
    assert await names(asker, there, GROUPS, "student", search="circle") == {"circle"}
    for who in ("admin", "super"):
        for query in (USERS, SESSIONS, GROUPS):
            all_ = await names(asker, there, query, who)
            some = await names(asker, there, query, who, search="s")
            assert some <= all_
    assert "foreign_student" in await names(asker, there, USERS, "super", search="student")
    assert await names(asker, there, USERS, "super", search="super_admin") == {"super"}
    own = {"academyId": there.id("academy")}
    assert await names(asker, there, USERS, "super", search="student", **own) == {
        "student",
        "classmate",
        "stranger",
    }


async def test_a_super_admin_and_an_access_key_are_found(asker: Asker, admin: User) -> None:
    root = await create_super_admin("root@example.org", "correct horse battery", make.ELEVEN)
    assert await ids(asker, root, USERS, search="root@") == [encode(Kind.USER, root.id)]
    assert admin.academy_id
    key = await create_access_key(make.viewer(admin), admin.academy_id, "منصّة أ", None, make.ELEVEN)
    assert await ids(asker, admin, USERS, search="منصه") == [encode(Kind.USER, key.row.user_id)]


async def test_each_beginning_of_each_word_of_any_name_finds_its_row(
    asker: Asker, admin: User
) -> None:
    chance = Random(11)
    letters = "أإآٱؤئةىيءبتنمُّـ٣ aZëßøÉ'-.7"
    people = []
    for n in range(12):
        name = "".join(chance.choices(letters, k=9)).strip() or "x"
        people.append(person(f"p{n}", firstName=f"{name}w", lastName="Q"))
    payload(await upsert_users(asker, admin, *people))
    for one in people:
        for word in one["firstName"].split():
            for length in range(1, len(word) + 1):
                assert one["externalId"] in await keys(asker, admin, word[:length])


ROWS = 5_000
FILL = {
    "users": "INSERT INTO users (academy_id, external_id, role, first_name, last_name, is_active,"
    " is_service, rights_version, created_at)"
    " VALUES ($1, $2, 'STUDENT', 'x', 'y', true, false, 0, $3)",
    "words": "INSERT INTO search_words (academy_id, kind, word, subject) VALUES ($1, $2, $3, $4)",
}


async def test_a_search_is_a_range_of_the_index_of_words(database: Database) -> None:
    academies = [await make.academy() for _ in range(20)]
    where = [academies[n % 20].id for n in range(ROWS)]
    rows = [(academy, f"n{n}", make.ELEVEN) for n, academy in enumerate(where)]
    await sql.execute_many(FILL["users"], rows)
    words = [
        (academy, kind, f"{chr(97 + n % 26)}{n}", n)
        for n, academy in enumerate(where, 1)
        for kind in ("USER_NAME", "USER_KEY", "SESSION", "GROUP_NAME")
    ]
    await sql.execute_many(FILL["words"], words)
    await sql.execute("ANALYZE")
    for academy in (academies[0].id, None):
        for rows_ in (
            User.filter(users_found("a1 b2", academy)),
            Session.filter(sessions_found("a1 b2", academy)),
        ):
            query = rows_.order_by("id").limit(21)
            plan = await explained(query, database)
            assert "search_words_begin" in plan, plan
            assert not any(scan in plan for scan in SCANS), plan


SCANS = ("SCAN search_words", "Seq Scan on search_words")


async def explained(query: Any, database: Database) -> str:
    prefix = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    query.sql()  # builds the query
    statement, values = query.query.get_parameterized_sql()
    # Tortoise writes the parameters in this database's own way.
    rows = await client().execute_query_dict(f"{prefix} {statement}", values)
    return "\n".join(str(row.get("detail") or row.get("QUERY PLAN")) for row in rows)
