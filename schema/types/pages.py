"""Relay connections: a page of a list with its edges and cursors."""

from collections.abc import Awaitable, Callable
from typing import Generic, Self, TypeVar

import strawberry

from models.reading.pages import Page

T = TypeVar("T")
Row = TypeVar("Row")


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type
class Connection(Generic[T]):
    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo
    count: strawberry.Private[Callable[[], Awaitable[int]] | None]

    @classmethod
    def of(cls, page: Page[Row], *, cursor: Callable[[Row], str], node: Callable[[Row], T]) -> Self:
        edges = [Edge(cursor=cursor(row), node=node(row)) for row in page.rows]
        info = PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        )
        nodes = [edge.node for edge in edges]
        return cls(edges=edges, nodes=nodes, page_info=info, count=page.count)


@strawberry.type(name="Connection")
class CountedConnection(Connection[T]):
    """A connection that tells how many rows the whole list has. They are counted when asked for."""

    @strawberry.field
    async def total_count(self) -> int:
        if self.count is None:
            raise RuntimeError("whoever reads this list has to say how it is counted")
        return await self.count()
