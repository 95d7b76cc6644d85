"""The query of the events that LiveKit sent."""

from operator import attrgetter

import strawberry

from domain.webhook import WebhookOutcome
from execution.context import Info
from models.reading.webhook_log import read_entries_for
from schema.types.given import given
from schema.types.ids import Kind, optional_number
from schema.types.pages import Connection
from schema.types.webhook import WebhookEvent


async def webhook_events(
    info: Info,
    session_id: strawberry.ID | None = strawberry.UNSET,
    outcomes: list[WebhookOutcome] | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> Connection[WebhookEvent]:
    found = await read_entries_for(
        info.context.viewer,
        session_id=optional_number(Kind.SESSION, given(session_id)),
        outcomes=given(outcomes),
        first=given(first),
        after=given(after),
    )
    return Connection[WebhookEvent].of(found, cursor=attrgetter("cursor"), node=WebhookEvent.of)
