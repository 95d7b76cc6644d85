"""Lets one event of a subscription be executed once for many watchers."""

from typing import Any

from domain.access import Scope


class Shared:
    """Keeps the executions of one event, by operation: equal operations get the same answer."""

    __slots__ = ("runs", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.runs: dict[Any, Any] = {}
