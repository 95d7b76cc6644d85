"""Reads optional arguments: one left out is UNSET in Strawberry and None in our code."""

from typing import TypeVar

import strawberry

T = TypeVar("T")


def given(value: T | None) -> T | None:
    return None if value is strawberry.UNSET else value
