"""The load client of benchmarks/fanout speaks the protocol with our server, as its peers do."""

import asyncio
import os
import shutil
from pathlib import Path
from socket import create_server

import pytest

import clock
from benchmarks.fanout.document import write_document
from benchmarks.fanout.halaqa.poster import post
from benchmarks.fanout.load import measure
from domain.access import UserRole
from models import User
from schema.types.ids import Kind, encode
from tests.conftest import Template
from tests.support import make
from tests.support.app import serving_app, token
from tests.support.webhooks import SECRET

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler, cc")


async def test_it_counts_what_three_watchers_get(template: Template, tmp_path: Path) -> None:
    async with serving_app(await template.fresh()) as served:
        room_name, student, lines = await make_watched()
        write_document(tmp_path / "document")
        await asyncio.to_thread((tmp_path / "who").write_text, "".join(lines))
        control, port = create_server(("127.0.0.1", 0)), int(served.url.rpartition(":")[2])
        people = [[student.id, student.first_name, student.last_name]]
        options = {
            "port": port,
            "control": control.getsockname()[1],
            "process": os.getpid(),
            "who": tmp_path / "who",
            "document": tmp_path / "document",
            "connections": 3,
            "events": 10,
            "warm": 0,
        }
        async with asyncio.TaskGroup() as group:
            group.create_task(post(control, port, room_name, people, SECRET))
            counted = await asyncio.to_thread(measure, "flood", options)
    assert (counted["events"], counted["failed"], counted["binary"]) == (10, 0, 0)
    assert counted["messages"] >= 30


async def make_watched() -> tuple[str, User, list[str]]:
    """Make a session: its room, its student, and a line for each of three who may watch it."""
    academy, now = await make.academy(), clock.now()
    teacher, student = await make.teacher(academy), await make.student(academy)
    session = await make.session(academy, teacher, student=student, at=now, now=now)
    watchers = [teacher, *[await make.user(academy, UserRole.SUPERVISOR) for _ in range(2)]]
    lines = [f"{encode(Kind.SESSION, session.id)} {token(one)}\n" for one in watchers]
    return str(session.room_name), student, lines
