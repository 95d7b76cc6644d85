"""What the commands are handed, because they may not import it; and how they stop."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from settings import Settings

Example = Mapping[str, str]
Beside = Callable[[], Awaitable[None]]


class Stop(Exception):  # noqa: N818 - not an error of ours
    """A sentence for the operator, and the end."""


class Serve(Protocol):
    def __call__(
        self,
        settings: Settings,
        examples: Sequence[Example] | None = None,
        beside: Beside | None = None,
    ) -> None:
        """Serve until a signal; OSError where there is no port. `beside` runs meanwhile."""


@dataclass(frozen=True, slots=True)
class Parts:
    """`serve_many`: as `serve`, in so many processes. `ticking`: the clock alone, as long as the
    block lasts; `working`: a worker, likewise. `examples`: GraphiQL's tabs.
    `global_id`: what clients call a row, of its type's name and its number."""

    serve: Serve
    serve_many: Callable[[Settings, int], None]
    ticking: Callable[[Settings], AbstractAsyncContextManager[None]]
    working: Callable[[Settings], AbstractAsyncContextManager[None]]
    printed_schema: Callable[[], str]
    examples: Callable[[], Sequence[Example]]
    has_own_graphiql: Callable[[], bool]
    global_id: Callable[[str, int], str]
