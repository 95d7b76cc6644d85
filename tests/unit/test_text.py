import pytest

from domain.errors import InvalidInputError
from domain.text import cleaned, email_of, is_storable


@pytest.mark.parametrize(
    ("text", "stored"),
    [("abc", "abc"), ("  abc\n", "abc"), ("a" + " " * 1000, "a"), ("  سارة ", "سارة")],
)
def test_space_around_a_text_is_removed_and_does_not_count(text: str, stored: str) -> None:
    assert cleaned(text, 4, "title") == stored


@pytest.mark.parametrize("text", ["", "  ", "abcd", "a\0", "\ud800"])
def test_text_that_cannot_be_stored_is_refused_by_field(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        cleaned(text, 3, "input", "title")
    assert refused.value.field == ("input", "title")
    assert "`title`" in refused.value.message


def test_a_text_with_no_minimum_may_be_empty() -> None:
    assert cleaned("  ", 3, "notes", shortest=0) == ""


def test_all_that_people_write_is_storable() -> None:
    assert is_storable("سارة\u200c \U0001f600\n\t")
    assert not is_storable("a\0")


def test_an_address_is_the_same_however_it_is_typed() -> None:
    assert email_of(" Sara@Example.ORG\n") == email_of("sara@example.org")
