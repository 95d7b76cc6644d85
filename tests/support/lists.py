"""The lists of the schema, asked in one way."""

from typing import Any

from models import User
from tests.support.asking import Asker, payload
from tests.support.scene import Scene

PAGE = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } }"


def listed(field: str, kind: str) -> str:
    return (
        f"query ($filter: {kind}, $first: Int, $after: String) "
        f"{{ {field}(filter: $filter, first: $first, after: $after) "
        f"{{ {PAGE} nodes {{ id }} }} }}"
    )


USERS = listed("users", "UserFilter")
GROUPS = listed("groups", "GroupFilter")
SESSIONS = listed("sessions", "SessionFilter")
ATTENDANCES = listed("attendances", "AttendanceFilter!")
LATEST = SESSIONS.replace("sessions(", "sessions(orderBy: SCHEDULED_AT_DESC, ")


async def ids(asker: Asker, as_: User, query: str, **filter: Any) -> list[str]:
    answer = await asker.ask(query, as_, filter=filter, first=100)
    return [node["id"] for node in payload(answer)["nodes"]]


async def names(asker: Asker, there: Scene, query: str, who: str = "admin", **filter: Any) -> Any:
    return {there.name(id) for id in await ids(asker, there[who], query, **filter)}
