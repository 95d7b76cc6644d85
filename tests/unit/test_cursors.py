"""A cursor comes back as what it was made of, and nothing else is taken for one."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cursors import Place, list_cursor, list_place, stream_cursor, stream_place


def test_a_place_in_a_stream_comes_back() -> None:
    assert stream_place(stream_cursor(12, 7, 99), 12) == Place(7, 99)


@given(st.integers(), st.integers(), st.integers())
def test_a_place_is_written_as_json_in_base64(session: int, version: int, mark: int) -> None:
    raw = json.dumps(["s2", session, version, mark], separators=(",", ":")).encode()
    written = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert stream_cursor(session, version, mark) == written


def test_a_place_in_a_list_comes_back() -> None:
    assert list_place(list_cursor("سارة", 3)) == ["سارة", 3]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "no cursor",
        "ÄÖÜ",
        "e30",  # {}
        stream_cursor(13, 7, 99),  # another session's
        stream_cursor(12, -1, 99),
        list_cursor("s2", 12, 7, 99),
        "WyJzMSIsMTIsN10",  # ["s1",12,7], as cursors were before events had marks
    ],
)
def test_what_is_no_place_in_this_stream_is_none(cursor: str) -> None:
    assert stream_place(cursor, 12) is None


@pytest.mark.parametrize("cursor", ["", "no cursor", stream_cursor(12, 7, 99)])
def test_what_is_no_place_in_a_list_is_none(cursor: str) -> None:
    assert list_place(cursor) is None
