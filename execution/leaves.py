"""Completes the values of scalars for a compiled selection: only those that need no conversion."""

from collections.abc import Callable
from math import isfinite
from typing import Any

from domain.limits import INT_MAX
from schema.types.scalars import write_datetime

Complete = Callable[[Any], Any]  # a field's value -> what stands in the answer; it refuses None


class NotCompiledError(Exception):
    """The document, or this one event, is for graphql-core to answer."""


def exactly(kind: type) -> Complete:
    """Take values of this class alone: graphql-core converts others, or refuses them."""

    def check(value: object) -> object:
        if type(value) is kind:
            return value
        raise NotCompiledError(f"not a {kind.__name__}")

    return check


def _int(value: object) -> int:
    if type(value) is int and -INT_MAX - 1 <= value <= INT_MAX:
        return value
    raise NotCompiledError("not an Int")


def _float(value: object) -> float:
    if type(value) is float and isfinite(value):
        return value
    raise NotCompiledError("not a Float")


SCALARS: dict[str, Complete] = {
    "String": exactly(str),
    "ID": exactly(str),
    "URL": exactly(str),
    "Boolean": exactly(bool),
    "Int": _int,
    "Float": _float,
    "DateTime": write_datetime,
}
