"""Lets one event of a subscription be executed once for many watchers."""

from dataclasses import dataclass, field
from typing import Any

from domain.access import Scope


@dataclass(slots=True, eq=False)
class Shared:
    """Keeps the executions of one event, by operation: equal operations get the same answer."""

    scope: Scope
    runs: dict[Any, Any] = field(default_factory=dict)
