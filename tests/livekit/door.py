"""The public door: GraphQL over HTTP, as any client uses it."""

from dataclasses import dataclass
from typing import Any

import httpx

SIGN_IN = """
mutation($email: String!, $password: String!, $slug: String) {
  signIn(email: $email, password: $password, academySlug: $slug) {
    accessToken viewer { id databaseId } errors { code message }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A person who signed in. `number` is the databaseId."""

    name: str
    id: str
    number: int
    key: str


@dataclass(frozen=True, slots=True)
class Door:
    """`client` is shared: making one costs as much as many requests."""

    url: str
    client: httpx.AsyncClient

    async def ask(self, query: str, by: Person | None = None, **variables: Any) -> Any:
        """The value of the operation's only field."""
        headers = {"Authorization": f"Bearer {by.key}"} if by else {}
        body = {"query": query, "variables": variables}
        answer = await self.client.post(f"{self.url}/graphql", json=body, headers=headers)
        said = answer.json()
        assert "errors" not in said, said["errors"]
        (value,) = said["data"].values()
        return value

    async def do(self, query: str, by: Person | None = None, **variables: Any) -> Any:
        """The payload of a mutation that nothing refused."""
        payload = await self.ask(query, by, **variables)
        assert payload["errors"] == []
        return payload

    async def sign_in(self, name: str, email: str, password: str, slug: str | None) -> Person:
        payload = await self.do(SIGN_IN, email=email, password=password, slug=slug)
        viewer = payload["viewer"]
        return Person(name, viewer["id"], viewer["databaseId"], payload["accessToken"])
