"""One execution serves many screens, but personal fields are never shared."""

from typing import Any

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

import clock
from actions.webhooks.notices import record_notice
from domain.access import UserRole
from execution.sharing import PER_VIEWER
from gateways.livekit_webhooks import translate
from models import User
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.classrooms import Classroom, at, ready
from tests.support.streams import PRESENCE, SCHEMA, streaming
from tests.support.webhooks import encode as body_of

MINE = """
subscription Mine($id: ID!) { sessionEvents(sessionId: $id) {
  ... on SessionSnapshot { session { myAttendance { user { displayName } } teacher { email } } }
} }
"""


async def joins(classroom: Classroom, minutes: float) -> None:
    stay = classroom.stay(minutes)
    await record_notice(translate(body_of(classroom.room.joined(stay))), at(minutes))


@pytest.mark.usefixtures("same_second")
async def test_subscriptions_that_ask_the_same_share_one_answer(database: Database) -> None:
    classroom = await ready()
    admin = await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)
    async with streaming(at(-9)) as streams:
        async with (
            streams.presence(classroom.session.id, classroom.teacher) as one,
            streams.presence(classroom.session.id, admin, "no cursor of ours") as two,
        ):
            assert await one.shared() is await two.shared()
            await joins(classroom, -2)
            assert await one.shared() is await two.shared()


async def test_a_subscription_that_asks_other_fields_gets_its_own_answer(
    database: Database,
) -> None:
    classroom = await ready()
    variables = {"id": encode(Kind.SESSION, classroom.session.id)}
    other = PRESENCE.replace("joinCount", "confidence")
    async with streaming(at(-9)) as streams:
        async with (
            streams.stream(PRESENCE, classroom.teacher, **variables) as one,
            streams.stream(other, classroom.teacher, **variables) as two,
        ):
            first, second = await one.next(), await two.next()
            assert "joinCount" in first["attendances"][0]
            assert "confidence" in second["attendances"][0]


async def test_personal_fields_are_executed_for_each_viewer(database: Database) -> None:
    classroom = await ready(students=2)
    await User.filter(id=classroom.teacher.id).update(email="teacher@example.org")
    variables = {"id": encode(Kind.SESSION, classroom.session.id)}
    seen: list[Any] = []
    async with streaming(at(-9)) as streams:
        for person in (*classroom.students, classroom.teacher):
            async with streams.stream(MINE, person, **variables) as stream:
                seen.append((await stream.next())["session"])
    names = [person.display_name for person in (*classroom.students, classroom.teacher)]
    assert [session["myAttendance"]["user"]["displayName"] for session in seen] == names
    assert [session["teacher"]["email"] for session in seen] == [None, None, "teacher@example.org"]


def test_every_field_of_one_viewer_is_in_the_schema() -> None:
    types = SCHEMA._schema.type_map
    for name, fields in PER_VIEWER.items():
        kind = types[name]
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        assert fields <= kind.fields.keys()


def type_of(root: str) -> GraphQLOutputType:
    """The type of a subscription's field."""
    roots = SCHEMA._schema.subscription_type
    assert roots is not None
    kind: GraphQLOutputType = roots.fields[root].type
    return kind


@pytest.fixture
def same_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock: durations are shared within a second only."""
    monkeypatch.setattr(clock, "now", lambda: at(-9))


@pytest.mark.usefixtures("same_second")
async def test_all_other_fields_answer_without_a_viewer(database: Database) -> None:
    """All fields that may be shared are selected: one that asks for the viewer would raise."""
    classroom = await ready(students=2)
    await joins(classroom, -2)
    for root in ("sessionPresence", "sessionEvents"):
        fields = selection(type_of(root))
        query = f"subscription($id: ID!) {{ {root}(sessionId: $id) {fields} }}"
        async with streaming(at(-9)) as streams:
            variables = {"id": encode(Kind.SESSION, classroom.session.id)}
            async with (
                streams.stream(query, classroom.teacher, **variables) as one,
                streams.stream(query, classroom.teacher, **variables) as two,
            ):
                assert await one.shared() is await two.shared()


@pytest.mark.usefixtures("same_second")
async def test_a_row_is_told_alike_to_whoever_may_watch_it(database: Database) -> None:
    classroom = await ready()
    fields = selection(type_of("attendance"))
    query = "subscription($id: ID!, $user: ID!) "
    query += f"{{ attendance(sessionId: $id, userId: $user) {fields} }}"
    variables = {
        "id": encode(Kind.SESSION, classroom.session.id),
        "user": encode(Kind.USER, classroom.student.id),
    }
    async with streaming(at(-9)) as streams:
        async with (
            streams.stream(query, classroom.student, **variables) as one,
            streams.stream(query, classroom.teacher, **variables) as two,
        ):
            assert await one.shared() is await two.shared()


def selection(kind: GraphQLOutputType, depth: int = 5) -> str:
    """Every field of a type that may be shared, and of its types, some levels down."""
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
    parts = ["__typename", *_fields(named, depth)]
    if isinstance(named, GraphQLInterfaceType):
        for possible in SCHEMA._schema.get_possible_types(named):
            parts.append(f"... on {possible.name} {{ {' '.join(_fields(possible, depth))} }}")
    return f"{{ {' '.join(parts)} }}"


def _fields(kind: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> list[str]:
    """The fields with aliases by type, so that equal names of two types never meet."""
    found = ["__typename"]
    for name, field in kind.fields.items():
        is_own = name in PER_VIEWER.get(kind.name, ())
        needs = any(is_required_argument(argument) for argument in field.args.values())
        is_leaf = is_leaf_type(get_named_type(field.type))
        if not (is_own or needs or (depth == 0 and not is_leaf)):
            found.append(f"{kind.name}_{name}: {name} {selection(field.type, depth - 1)}")
    return found


@pytest.mark.usefixtures("same_second")
async def test_from_when_one_may_join_is_told_to_each_audience(database: Database) -> None:
    hours: dict[str, Any] = {
        "meeting_creation_time_start": "08:00",
        "meeting_creation_time_end": "09:00",
    }
    classroom = await ready(students=2, **hours)  # it gets a meeting from its teacher only
    query = "subscription ($id: ID!) { sessionEvents(sessionId: $id) "
    query += "{ ... on SessionSnapshot { session { joinableFrom } } } }"
    variables = {"id": encode(Kind.SESSION, classroom.session.id)}
    async with streaming(at(-9)) as streams:
        one, other = classroom.students
        async with (
            streams.stream(query, one, **variables) as first,
            streams.stream(query, other, **variables) as second,
            streams.stream(query, classroom.teacher, **variables) as third,
        ):
            assert (
                await first.data()
                == await second.data()
                == {"sessionEvents": {"session": {"joinableFrom": None}}}
            )
            opened = (await third.next())["session"]["joinableFrom"]
            assert opened == "2026-03-02T10:50:00.000Z"
