"""The whole application on a loopback port, and the people who call it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

import clock
from actions.identity.access_tokens import issue
from main import App
from models import User
from settings import Settings, current
from tests.support.server import serve


@dataclass
class Served:
    """`url` has no slash at its end; `ask` sends one operation over HTTP and returns the answer."""

    url: str
    app: App

    async def ask(self, query: str, as_: User | None = None, **variables: Any) -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{self.url}/graphql",
                json={"query": query, "variables": variables},
                headers=headers(as_) if as_ else {},
            )
        return dict(answer.json())


def token(user: User) -> str:
    return issue(current().jwt_secret.get_secret_value(), user, clock.now())[0]


def headers(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(user)}"}


def settings_for(database_url: str, **changed: Any) -> Settings:
    return current().model_copy(update={"database_url": database_url, **changed})


@asynccontextmanager
async def serving_app(database_url: str, **changed: Any) -> AsyncIterator[Served]:
    """The app with its clock, on a migrated database that it opens itself."""
    app = App(settings_for(database_url, **changed))
    async with serve(app.asgi()) as url:
        yield Served(url, app)
