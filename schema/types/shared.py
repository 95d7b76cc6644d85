"""What one event of a subscription holds for all who hear it alike."""

from typing import Any

from domain.access import Scope


class Shared:
    """The event's executions so far, by operation: who asks the same gets the same answer."""

    __slots__ = ("runs", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.runs: dict[Any, Any] = {}
