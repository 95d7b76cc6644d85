"""Defines what `main` hands to the commands, and how every command runs and stops."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol

from settings import Settings

P = ParamSpec("P")

Example = Mapping[str, str]
Beside = Callable[[], Awaitable[None]]


class Stop(Exception):  # noqa: N818 - not an error of ours
    """Ends a command with a sentence for the operator."""


def blocking(command: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make a plain function of an async command, because typer cannot await one."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(command(*args, **kwargs))

    return run


class Serve(Protocol):
    def __call__(
        self,
        settings: Settings,
        examples: Sequence[Example] | None = None,
        beside: Beside | None = None,
    ) -> None:
        """Serve until a signal, and run `beside` meanwhile. Raises OSError if the port is taken."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The functions of `main` that the commands call; `cli` may not import them.

    `serve_many` is `serve` in several processes. `ticking` runs the clock alone, and `working` a
    worker, for as long as the block lasts. `examples` are GraphiQL's tabs. `global_id` makes the
    id that clients use, from the name of a type and the number of a row.
    """

    serve: Serve
    serve_many: Callable[[Settings, int], None]
    ticking: Callable[[Settings], AbstractAsyncContextManager[None]]
    working: Callable[[Settings], AbstractAsyncContextManager[None]]
    printed_schema: Callable[[], str]
    examples: Callable[[], Sequence[Example]]
    has_own_graphiql: Callable[[], bool]
    global_id: Callable[[str, int], str]
