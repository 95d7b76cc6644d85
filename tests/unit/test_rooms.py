"""Names of rooms and identities of people at LiveKit."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rooms import participant_identity, room_name, user_number
from domain.session import SessionKind
from gateways.livekit_tokens import identity_of


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (SessionKind.QURAN, "itqan-academy-quran-session-121"),
        (SessionKind.ACADEMIC, "itqan-academy-academic-session-121"),
        (SessionKind.INTERACTIVE_COURSE, "itqan-academy-interactive-session-121"),
    ],
)
def test_a_room_is_named_after_academy_kind_and_number(kind: SessionKind, name: str) -> None:
    assert room_name("itqan-academy", kind, 121) == name


@pytest.mark.parametrize(
    ("first", "last", "identity"),
    [
        ("Sara", "Ali", "1_Sara_Ali"),
        ("Sara", "", "1_Sara"),
        ("", "Ali", "1_Ali"),
        (" ", "'", "1_user"),
        ("Anne Marie", "O'Neil-Smith", "1_Anne-Marie_ONeil-Smith"),
        ("a_b", "c#d|e/f", "1_a-b_cdef"),
        ("Sara\n", "A\x00li", "1_Sara_Ali"),
    ],
)
def test_an_identity_has_the_number_and_the_names(first: str, last: str, identity: str) -> None:
    assert participant_identity(1, first, last) == identity


@pytest.mark.parametrize(
    ("first", "last", "identity"),
    [
        ("أسامة", "ماجد", "1_Asama_Majd"),
        ("عبد الرحمن", "الشافعي", "1_Abd-alrhmn_Alshafay"),
        ("Zoë", "Müller", "1_Zoe_Muller"),
        ("李", "雷", "1_Li_Lei"),
    ],
)
def test_names_are_written_in_latin_letters(first: str, last: str, identity: str) -> None:
    assert identity_of(1, first, last) == identity


@given(st.integers(1, 2**31 - 1), st.text(), st.text(max_size=600))
def test_any_name_gives_an_identity_that_is_valid_and_reads_back(
    number: int, first: str, last: str
) -> None:
    identity = identity_of(number, first, last)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", identity)
    assert user_number(identity) == number
    assert user_number(f"{identity}#screen") == number


@pytest.mark.parametrize(
    "identity",
    [
        "",
        "EG_qKDd3kzXRmWw",
        "agent-AJ_x",
        "1",
        "1-Sara",
        "1#x_y",
        "_Sara",
        "0_Sara",
        "01_Sara",
        "-1_Sara",
        "+1_Sara",
        " 1_Sara",
        "1.5_Sara",
        "\u0661_Sara",  # an Arabic digit, which int() would take
        "2147483648_Sara",
        "99999999999999999999_Sara",
    ],
)
def test_an_identity_that_is_not_ours_has_no_user_number(identity: str) -> None:
    assert user_number(identity) is None


@given(st.text())
def test_no_identity_is_an_error(identity: str) -> None:
    number = user_number(identity)
    assert number is None or 0 < number < 2**31
