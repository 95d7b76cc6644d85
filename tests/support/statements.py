"""The statements that the open database was sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from models.database.connection import client

METHODS = ("execute_query", "execute_query_dict", "execute_insert", "execute_many", "affect")


@contextmanager
def counting() -> Iterator[list[str]]:
    """The statements outside of transactions, as they are sent."""
    sent: list[str] = []
    kind = type(client())
    real = {name: getattr(kind, name) for name in METHODS}
    for name, method in real.items():
        setattr(kind, name, _noting(method, sent))
    try:
        yield sent
    finally:
        for name, method in real.items():
            setattr(kind, name, method)


def _noting(method: Callable[..., Any], sent: list[str]) -> Callable[..., Any]:
    async def noting(self: Any, query: str, *args: Any, **kwargs: Any) -> Any:
        sent.append(query)
        return await method(self, query, *args, **kwargs)

    return noting
