"""One spelling for all the ways to write a name."""

import unicodedata
from sys import maxunicode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.search import (
    SEARCH_MAX_WORDS,
    WORD_MAX_CHARS,
    Sought,
    folded,
    keys_of,
    sought_in,
    words_of,
)

ARABIC = st.text(st.characters(min_codepoint=0x600, max_codepoint=0x6FF))
NAMES = st.one_of(st.text(), ARABIC)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("احمد", "أحمد"),
        ("احمد", "إحمد"),
        ("امنه", "آمنة"),
        ("فاطمه", "فاطمة"),
        ("هدي", "هدى"),
        ("محمد", "مُحَمَّد"),
        ("محمد", "محـــمد"),
        ("الرحمن", "الرَّحْمٰن"),
        ("اسلام", "ٱسلام"),
        ("اسماء", "أسما"),
        ("مومن", "مؤمن"),
        ("رييس", "رئيس"),
        ("مصطفى", "مصطفی"),  # the Persian ya
        ("اكبر", "اکبر"),  # the Persian kaf
        ("2026", "٢٠٢٦"),
        ("2026", "۲۰۲۶"),
        ("zoe", "Zoë"),
        ("strasse", "Straße"),
        ("israfil", "İsrâfil"),
        ("isik", "Işık"),
        ("lukasz", "Łukasz"),
        ("quran", "Qur'an"),
        ("obrien", "O’Brien"),
        ("محمد", "\u200fمحمد\u200e"),  # signs of direction, as they come with copied text
    ],
)
def test_two_spellings_are_one_word(typed: str, written: str) -> None:
    assert folded(typed) == folded(written)
    assert folded(typed) in words_of(typed) == words_of(written)


def test_a_word_with_the_article_is_kept_without_it_too() -> None:
    assert words_of("القرآن الكريم") == {"القران", "قران", "الكريم", "كريم"}
    assert words_of("الا") == {"الا"}  # too short to have one


def test_words_are_parted_by_all_that_is_no_letter_or_digit() -> None:
    assert words_of("Juz' 30 – al-Ali (2)", None, "100%") == {"juz", "30", "al", "ali", "2", "100"}
    assert words_of("…", "") == set()


def test_folding_again_changes_nothing_for_any_letter() -> None:
    for number in range(maxunicode + 1):
        letter = chr(number)
        assert folded(folded(letter)) == folded(letter), unicodedata.name(letter, hex(number))


@given(NAMES)
def test_folding_again_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(NAMES, NAMES)
def test_a_beginning_is_folded_to_the_beginning(start: str, rest: str) -> None:
    assert folded(start + rest).startswith(folded(start))


@given(NAMES)
def test_each_beginning_of_each_word_finds_the_name(name: str) -> None:
    words = words_of(name)
    for written in name.split():
        for length in range(1, min(len(written), SEARCH_MAX_WORDS) + 1):
            for sought in sought_in(written[:length]):
                assert any(word.startswith(sought.word) for word in words), (written, length)


def test_a_search_is_read_word_by_word() -> None:
    assert sought_in(" Zoë  al-Ali ") == [
        Sought("zoe", frozenset({"zoe", "zoe  al-ali"})),
        Sought("al", frozenset({"al-ali", "zoe  al-ali"})),
        Sought("ali", frozenset({"al-ali", "zoe  al-ali"})),
    ]
    assert sought_in("S-17_b@x.org")[0].keys == keys_of("s-17_B@x.org") == {"s-17_b@x.org"}


@pytest.mark.parametrize("text", ["", "   ", "…", "- & '", "\u200f"])
def test_a_search_without_a_letter_or_digit_seeks_nothing(text: str) -> None:
    assert sought_in(text) == []


@pytest.mark.parametrize("text", ["a " * 9, "a-b-c-d-e-f-g-h-i", "a" * 201])
def test_a_search_has_its_limits(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        sought_in(text)
    assert refused.value.field == ("filter", "search")
    assert len(sought_in("a " * 8)) == 8


def test_a_long_word_is_kept_and_sought_by_its_beginning() -> None:
    assert words_of("x" * 300) == {"x" * WORD_MAX_CHARS}
    assert sought_in("x" * 200)[0].word == "x" * WORD_MAX_CHARS
