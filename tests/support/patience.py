"""Wait for what must become true, never for time to pass. Only a failure takes the whole time."""

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar, overload

PATIENCE_S = 60.0
EVERY_S = 0.02

Answer = TypeVar("Answer")
Value = TypeVar("Value")

_seen: ContextVar[list[object] | None] = ContextVar("_seen", default=None)


@overload
async def until(
    condition: Callable[[], Awaitable[Answer]], what: str = "", *, within_s: float = PATIENCE_S
) -> Answer: ...


@overload
async def until(
    condition: Callable[[], Answer], what: str = "", *, within_s: float = PATIENCE_S
) -> Answer: ...


async def until(
    condition: Callable[[], Any], what: str = "", *, within_s: float = PATIENCE_S
) -> Any:
    """Return the first true answer of `condition`.

    The failure names `what` was awaited, or quotes the condition, and tells what was seen last:
    the values that the condition passed to `see`, its false answer, and the names that it uses."""
    seen: list[object] = []
    last = seen.copy()
    token = _seen.set(seen)
    try:
        async with asyncio.timeout(within_s) as limit:
            while True:
                seen.clear()
                answer = condition()
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer:
                    return answer
                last = [*seen] or [answer]
                await asyncio.sleep(EVERY_S)
    except TimeoutError:
        if not limit.expired():
            raise
    finally:
        _seen.reset(token)
    sights = [_short(value) for value in last] or ["no answer at all"]
    sights += [f"{name} = {_short(value)}" for name, value in _named_values(condition)]
    told = f"not within {within_s:g} s: {what or _quote(condition)}; seen last: {', '.join(sights)}"
    raise AssertionError(told)


def see(value: Value) -> Value:
    """Note a value that a condition reads, so that the failure of `until` can tell it."""
    if (seen := _seen.get()) is not None:
        seen.append(value)
    return value


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """Fail when the block takes longer, and name `what` did not come."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


def _quote(condition: Callable[[], object]) -> str:
    """The body of a lambda, or the name of a function."""
    code = getattr(condition, "__code__", None)
    if code is None or code.co_name != "<lambda>":
        return str(getattr(condition, "__qualname__", condition)).rpartition("<locals>.")[2]
    source = Path(code.co_filename).read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            return ast.unparse(node.body)
    return "<lambda>"


def _named_values(condition: Callable[[], object]) -> Iterator[tuple[str, object]]:
    """The attributes and names around a lambda that it reads, with their values by now."""
    if not inspect.isfunction(condition):
        return
    names, found = inspect.getclosurevars(condition).nonlocals, set()
    for dotted in re.findall(r"[a-z_][\w.]*", _quote(condition)):
        root, _, path = dotted.partition(".")
        if root not in names or dotted in found:
            continue
        found.add(dotted)
        value = attrgetter(path)(names[root]) if path else names[root]
        owner = getattr(value, "__self__", None)
        if callable(value) and owner is not None:
            dotted, value = dotted.rpartition(".")[0], owner
        yield dotted, value


def _short(value: object) -> str:
    return textwrap.shorten(repr(value), 300)
