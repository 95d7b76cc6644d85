"""A session is found by its id or by its room's name, for the same viewers."""

from typing import Any

import pytest

from tests.support.asking import Asker, code, payload
from tests.support.matrix import MATRIX
from tests.support.scene import Scene

BY_ROOM = "query ($id: ID, $room: String) { session(id: $id, roomName: $room) { id } }"


async def test_a_rooms_name_finds_what_the_id_finds(asker: Asker, there: Scene) -> None:
    for cell in MATRIX["Query.session"].cells():
        if cell.role == "nobody":
            continue
        room = there[cell.target].room_name
        found = payload(await asker.ask(BY_ROOM, there[cell.role], now=there.now, room=room))
        shown = {"id": there.id(cell.target)} if cell.right == "ok" else None
        assert found == shown, cell


@pytest.mark.parametrize("room", ["", "academy-quran-session-0", "x" * 9999])
async def test_a_name_of_no_room_finds_nothing(asker: Asker, there: Scene, room: str) -> None:
    assert payload(await asker.ask(BY_ROOM, there["super"], now=there.now, room=room)) is None


async def test_exactly_one_of_the_two_is_given(asker: Asker, there: Scene) -> None:
    both = {"id": there.id("mine"), "room": there["mine"].room_name}
    wrong: list[dict[str, Any]] = [both, {}, {"id": None, "room": None}]
    for given in wrong:
        answer = await asker.ask(BY_ROOM, there["admin"], now=there.now, **given)
        assert code(answer) == "INVALID_INPUT", given
    for name in both:
        given = both | {name: None}
        found = payload(await asker.ask(BY_ROOM, there["admin"], now=there.now, **given))
        assert found == {"id": there.id("mine")}
