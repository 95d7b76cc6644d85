"""The app serves its sockets on any ASGI server, and through nginx: it asks for no transport."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import clock
from actions.sessions.session_cancel import cancel_session
from main import App
from tests.conftest import Template
from tests.support.app import Served, headers, serving_app, settings_for
from tests.support.big_class import BigClass, big_class
from tests.support.nginx import behind_nginx
from tests.support.other_servers import Serve, by_hypercorn, by_plain_uvicorn
from tests.support.scene import scene
from tests.support.sockets import dial, heard, subscribe
from tests.support.streams import PRESENCE, Dashboard
from tests.support.watching import Watcher
from tests.support.withdrawals import School, bar, deactivate

anywhere = pytest.mark.parametrize("serve", [by_plain_uvicorn, by_hypercorn])

COMERS = 12


@asynccontextmanager
async def serving_elsewhere(serve: Serve, template: Template) -> AsyncIterator[Served]:
    app = App(settings_for(await template.fresh()))
    async with serve(app.asgi()) as url:
        yield Served(url, app)


@asynccontextmanager
async def school_elsewhere(
    serve: Serve, template: Template
) -> AsyncIterator[tuple[School, Watcher, Watcher]]:
    """Give a school, and a student and a classmate who watch the same session."""
    async with serving_elsewhere(serve, template) as served:
        at = School(served, await scene(clock.now().replace(microsecond=0)))
        async with (
            at.watch("student", session="mine") as theirs,
            at.watch("classmate", session="mine") as others,
        ):
            yield at, theirs, others


@anywhere
async def test_who_loses_the_right_hears_so_and_the_other_gets_what_comes_then(
    template: Template, serve: Serve
) -> None:
    async with school_elsewhere(serve, template) as (at, theirs, others):
        await bar(at)
        assert await theirs.refusal() == "FORBIDDEN"
        await cancel_session(at.admin, at.session_id, None, clock.now())
        assert (await others.next())["__typename"] == "StatusChanged"
        assert await theirs.is_connected()
        await deactivate(at)
        assert await theirs.close() == (4403, "Forbidden")
        assert await others.is_connected()


@anywhere
async def test_a_client_ends_one_operation_and_is_answered_on_the_next(
    template: Template, serve: Serve
) -> None:
    async with school_elsewhere(serve, template) as (at, theirs, others):
        await theirs.socket.send('{"id":"1","type":"complete"}')
        assert await theirs.is_connected()  # so the server has read that
        await cancel_session(at.admin, at.session_id, None, clock.now())
        assert (await others.next())["__typename"] == "StatusChanged"
        await theirs.socket.send(subscribe("{ viewer { role } }", "2"))
        answer = {"data": {"viewer": {"role": "STUDENT"}}}
        assert await heard(theirs.socket) == {"id": "2", "type": "next", "payload": answer}
        assert await heard(theirs.socket) == {"id": "2", "type": "complete"}


@anywhere
async def test_a_big_roster_and_each_change_of_it_come_whole_and_in_order(
    template: Template, serve: Serve
) -> None:
    async with serving_elsewhere(serve, template) as served:
        await follow_comers(served.url, await big_class(students=350))


async def test_a_big_roster_and_each_change_of_it_pass_through_nginx(
    template: Template, tmp_path: Path
) -> None:
    async with serving_app(await template.fresh()) as served:
        async with behind_nginx(served.url, tmp_path) as url:
            await follow_comers(url, await big_class(students=350))


async def follow_comers(url: str, class_: BigClass) -> None:
    """Watch the roster while people come one by one; then each stands in the copy that is kept."""
    copy = Dashboard()
    async with dial(url) as socket:
        await socket.send(
            json.dumps({"type": "connection_init", "payload": headers(class_.teacher)})
        )
        assert await heard(socket) == {"type": "connection_ack"}
        await socket.send(subscribe(PRESENCE, variables={"id": class_.id}))
        snapshot = await heard(socket)
        assert len(json.dumps(snapshot)) > 65_536
        assert copy.take(snapshot["payload"]["data"]["sessionPresence"])
        assert len(copy.roster) == len(class_.students) + 1
        for number, student in enumerate(class_.students[:COMERS], start=1):
            await class_.joins(student)
            change = (await heard(socket))["payload"]["data"]["sessionPresence"]
            assert copy.take(change)
            assert change["statistics"]["inMeeting"] == number
    present = [row for row in copy.roster.values() if row["presence"] == "IN_MEETING"]
    assert (len(present), copy.gaps) == (COMERS, 0)
