"""A compiled subscription streams what Strawberry streams: its answers, refusals and counts."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, cast

import pytest
import strawberry

import telemetry
from domain.access import Audience, Scope
from domain.errors import ForbiddenError, InvalidInputError
from execution.compiled_streams import ServedSchema, WrittenResult
from execution.context import Context
from execution.documents import KnownDocuments, document_cache
from execution.events import EventExecution
from execution.refusals import ClientSafeSchema
from execution.tally import OperationTally
from schema.types.scalars import CONFIG
from schema.types.shared import Shared
from subscriptions.operations import next_text
from tests.support.watched import NOW

SCOPE = Scope("session:3", Audience.STAFF)
NONE = cast(Any, None)
DOCUMENT = """
subscription Count($to: Int!, $failsAt: Int, $even: Boolean = true) {
  ticks(to: $to, failsAt: $failsAt) { number even: isEven @include(if: $even) }
}
"""
SLOW = "subscription ($to: Int!) { ticks(to: $to) { number later } }"


@strawberry.type
class Tick:
    number: int
    is_even: bool
    shared: strawberry.Private[Shared]

    @strawberry.field
    async def later(self) -> int:
        return self.number + 1


async def count(to: int, fails_at: int | None) -> AsyncGenerator[Tick, None]:
    for number in range(to):
        if number == fails_at:
            raise ForbiddenError("You may not watch this any more.")
        # The fourth does not fit into an Int, so that only graphql-core can answer.
        yield Tick(
            number=number + (number == 3) * 2**31, is_even=not number % 2, shared=Shared(SCOPE)
        )


def ticks(to: int, fails_at: int | None = None) -> AsyncGenerator[Tick, None]:
    if to < 0:
        raise InvalidInputError("`to` is a number of ticks.", ("to",))
    return count(to, fails_at)


@strawberry.type
class Query:
    answer: int = 42


@strawberry.type
class Subscription:
    ticks = strawberry.subscription(resolver=ticks)


@dataclass
class Lost:
    """A right that is lost once it was confirmed so often."""

    after: int

    async def confirm(self) -> None:
        self.after -= 1
        if self.after < 0:
            raise ForbiddenError("You may not watch this any more.")


def schema_of() -> ServedSchema:
    known = KnownDocuments()
    return ServedSchema(
        known=known,
        query=Query,
        subscription=Subscription,
        config=CONFIG,
        extensions=[document_cache(known), OperationTally],
        execution_context_class=EventExecution,
    )


SCHEMA = schema_of()


async def told(schema: Any, stream: Any, query: str, right: Lost | None, **asked: Any) -> Any:
    """Return the messages of a stream, and how many the compiled selection wrote."""
    context = Context(NONE, None, NOW, right=right)
    results = await stream(schema, query, context_value=context, **asked)
    messages = [(next_text("1", one), isinstance(one, WrittenResult)) async for one in results]
    return [text for text, _ in messages], sum(is_written for _, is_written in messages)


def both(query: str, **asked: Any) -> tuple[list[bytes], int]:
    """Stream it both ways, and compare; return what was told."""

    async def run() -> tuple[list[bytes], int]:
        plain = await told(SCHEMA, ClientSafeSchema.stream, query, None, **asked)
        first = await told(SCHEMA, ServedSchema.stream, query, None, **asked)
        again = await told(SCHEMA, ServedSchema.stream, query, None, **asked)
        assert plain[0] == first[0] == again[0]
        assert plain[1] == 0
        return cast(tuple[list[bytes], int], again)

    return asyncio.run(run())


def test_events_are_written_by_the_compiled_selection() -> None:
    texts, written = both(DOCUMENT, variable_values={"to": 2})
    assert written == len(texts) == 2
    data = b'{"data":{"ticks":{"number":0,"even":true}}}'
    assert texts[0] == b'{"id":"1","type":"next","payload":' + data + b"}"


def test_an_event_that_is_not_compiled_is_executed_among_the_others() -> None:
    texts, written = both(DOCUMENT, variable_values={"to": 6})
    assert (len(texts), written) == (6, 5)
    assert b'"errors"' in texts[3]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (SLOW, {"variable_values": {"to": 2}}),  # a field that waits
        (DOCUMENT, {}),  # a variable is missing
        (DOCUMENT, {"variable_values": {"to": "many"}}),
        (DOCUMENT, {"variable_values": {"to": 1, "more": "\0"}}),
        (DOCUMENT, {"variable_values": {"to": -1}}),  # the resolver refuses it
        (DOCUMENT, {"variable_values": {"to": 1}, "operation_name": "Other"}),
        (DOCUMENT, {"variable_values": {"to": 1}, "operation_name": ""}),
        (f"{DOCUMENT} query Other {{ answer }}", {"variable_values": {"to": 1}}),
        ("query { answer }", {}),
        ("subscription { ticks(to: 1) { number } ticks(to: 1) { later } }", {}),
        ("subscription { ... @include(if: false) { ticks(to: 1) { number } } }", {}),
        ("subscription { none }", {}),
        ("subscription {", {}),
        ("", {}),
    ],
)
def test_all_else_is_left_to_strawberry(query: str, asked: dict[str, Any]) -> None:
    texts, written = both(query, **asked)
    assert texts
    assert written == 0


def test_one_of_several_operations_is_compiled() -> None:
    query = f"{DOCUMENT} query Other {{ answer }}"
    assert both(query, variable_values={"to": 1}, operation_name="Count")[1] == 1


def test_a_stream_that_fails_ends_in_its_error() -> None:
    texts, written = both(DOCUMENT, variable_values={"to": 3, "failsAt": 1})
    assert written == 1
    assert b"FORBIDDEN" in texts[-1]


@pytest.mark.parametrize("confirmed", [0, 1])
def test_nothing_is_told_once_the_right_is_lost(confirmed: int) -> None:
    async def run() -> list[bytes]:
        await told(SCHEMA, ServedSchema.stream, DOCUMENT, None, variable_values={"to": 1})
        asked = {"variable_values": {"to": 3}}
        texts, _ = await told(SCHEMA, ServedSchema.stream, DOCUMENT, Lost(confirmed), **asked)
        return cast(list[bytes], texts)

    texts = asyncio.run(run())
    assert len(texts) == confirmed + 1
    assert b'"data":null' in texts[-1]
    assert b"FORBIDDEN" in texts[-1]


def test_watchers_of_one_event_get_one_text() -> None:
    event = Tick(number=1, is_even=False, shared=Shared(SCOPE))
    asked: dict[str, Any] = {"variable_values": {"to": 1}}

    async def run() -> list[WrittenResult]:
        found = []
        for _ in range(3):
            results = await SCHEMA.stream(DOCUMENT, context_value=Context(NONE, None, NOW), **asked)
            found += [one async for one in results if isinstance(one, WrittenResult)]
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(__name__ + ".Tick", lambda **_: event)
        found = asyncio.run(run())
    assert len({id(one.text) for one in found}) == 1
    assert found[0].data == {"ticks": {"number": 1, "even": False}}


@pytest.mark.parametrize("values", [{"to": 2}, {"to": 2, "failsAt": 1}, {"to": 5}, {"to": -1}])
def test_it_counts_as_any_operation_does(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Any] = []
    monkeypatch.setattr(telemetry, "subscription_started", lambda: counted.append("started"))
    monkeypatch.setattr(telemetry, "subscription_ended", lambda: counted.append("ended"))
    monkeypatch.setattr(telemetry, "count_operation", lambda *one: counted.append(one))
    both(DOCUMENT, variable_values=values)
    plain, first, again = counted[:3], counted[3:6], counted[6:]
    assert plain == first == again
    assert plain[:2] == ["started", "ended"]
