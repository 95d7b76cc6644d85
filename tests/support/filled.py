"""A dataclass with a value in every field, whatever fields it has."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import StrEnum
from itertools import count
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def filled(kind: type[T]) -> T:
    """No two numbers or texts in it are the same; an enumeration gives its last member."""
    found: T = _filled(kind, count(1))
    return found


def _filled(kind: Any, numbers: Iterator[int]) -> Any:
    hints = get_type_hints(kind)
    return kind(**{field.name: _some(hints[field.name], numbers) for field in fields(kind)})


def _some(hint: Any, numbers: Iterator[int]) -> Any:
    parts = [part for part in get_args(hint) if part not in (NoneType, Ellipsis)]
    if get_origin(hint) is tuple:
        return tuple(_some(part, numbers) for part in parts)
    if parts:
        return _some(parts[0], numbers)  # the type of an optional field
    if is_dataclass(hint):
        return _filled(hint, numbers)
    return list(hint)[-1] if issubclass(hint, StrEnum) else hint(next(numbers))
