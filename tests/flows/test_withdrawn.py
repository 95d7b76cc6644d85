"""A socket lives longer than a right: each new operation asks again."""

import json

from domain.access import UserRole
from models import User
from tests.conftest import Template
from tests.support import make
from tests.support.app import headers, serving_app
from tests.support.sockets import dial, ended, heard, subscribe

ROLE = "{ viewer { role } }"


async def test_who_is_deactivated_can_begin_nothing_more_on_an_open_socket(
    template: Template,
) -> None:
    async with serving_app(await template.fresh()) as served:
        admin = await make.user(await make.academy(), UserRole.ACADEMY_ADMIN)
        async with dial(served.url) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": headers(admin)}))
            await heard(socket)
            await User.filter(id=admin.id).update(is_active=False)
            await socket.send(subscribe(ROLE))
            assert await ended(socket) == (4403, "Forbidden")


async def test_a_role_that_changed_counts_from_the_next_operation_on(template: Template) -> None:
    async with serving_app(await template.fresh()) as served:
        person = await make.user(await make.academy(), UserRole.ACADEMY_ADMIN)
        async with dial(served.url) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": headers(person)}))
            await heard(socket)
            await User.filter(id=person.id).update(role=UserRole.STUDENT)
            await socket.send(subscribe("{ users { nodes { id } } viewer { role } }"))
            data = (await heard(socket))["payload"]["data"]
            assert data["viewer"] == {"role": "STUDENT"}
            assert len(data["users"]["nodes"]) == 1
