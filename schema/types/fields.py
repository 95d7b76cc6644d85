"""Declares fields whose values are worked out when a document asks for them."""

from collections.abc import Callable
from dataclasses import field
from typing import Any, TypeVar

import strawberry

T = TypeVar("T")

AT_HAND = "at_hand"  # names it in a field's metadata


def worked_out(read: Callable[[Any], T]) -> T:
    """Declare a field that is read from its object each time it is asked for.

    The class keeps it as a property, and its constructor does not take it.
    """
    # The dataclass's own: Strawberry's field would be taken by the constructor.
    value: Any = field(init=False, repr=False, compare=False, default=property(read))
    declared: T = value
    return declared


def at_hand(read: Callable[[Any], object]) -> Callable[[Callable[..., object]], Any]:
    """Decorate a resolver that waits only if `read` returns None.

    A compiled selection cannot wait: it takes the value from `read`.
    """
    return lambda resolver: strawberry.field(resolver, metadata={AT_HAND: read})
