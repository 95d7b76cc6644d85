"""Lets one event of a subscription be executed once for many watchers."""

from dataclasses import dataclass, field
from typing import Any

from domain.access import Scope


@dataclass(slots=True, eq=False)
class Shared:
    """Keeps the executions of one event, by operation: equal operations get the same answer.

    `texts` are the answers of compiled selections, by what writes them; None: it could not.
    """

    scope: Scope
    runs: dict[Any, Any] = field(default_factory=dict)
    texts: dict[Any, bytes | None] = field(default_factory=dict)
