"""Words by which people find names and titles: one spelling for all the ways to write a word.

Arabic marks, hamza, ta marbuta, alef maqsura and the Persian and Urdu forms of a letter make no
difference, nor do accents, capital letters and the script of digits.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidInputError

SEARCH_MAX_CHARS = 200
SEARCH_MAX_WORDS = 8
WORD_MAX_CHARS = 100  # what a word has beyond is neither kept nor searched
ARTICLE = "ال"

# Letters that Unicode does not take apart: variants of one letter, and letters that are written
# or left out at will. NFKD has taken the hamza off its carriers before.
_SAME = str.maketrans(
    {"ٱ": "ا", "ٲ": "ا", "ٳ": "ا", "ة": "ه", "ۃ": "ه", "ہ": "ه", "ھ": "ه", "ە": "ه"}
    | {"ى": "ي", "ی": "ي", "ے": "ي", "ک": "ك", "ء": "", "ٴ": "", "ـ": ""}
    | {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe"}
    | dict.fromkeys("'’‘ʼʻʿʾ`", "")  # O'Brien, Qur'an
)


class WordKind(StrEnum):
    """Says what a word stands in. A key is an email or an external id, and is kept whole."""

    USER_NAME = "USER_NAME"
    USER_KEY = "USER_KEY"
    GROUP_NAME = "GROUP_NAME"
    GROUP_KEY = "GROUP_KEY"
    SESSION = "SESSION"


@dataclass(frozen=True, slots=True)
class Sought:
    """One word of a search.

    It finds a row if a word of the row begins with `word`, or if a key of the row begins with one
    of `keys`. These are the whole search and the part between spaces that the word stands in.
    """

    word: str
    keys: frozenset[str]


def folded(text: str) -> str:
    """Return the text in one spelling. The beginning of a text gives the beginning of it."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(_kept(letter) for letter in apart.translate(_SAME))


def _kept(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    return "" if category[0] == "M" or category == "Cf" else letter  # marks, and signs of direction


def words_of(*texts: str | None) -> set[str]:
    """Return the words of the texts. An Arabic word with the article is there without it too."""
    words = set[str]()
    for text in texts:
        for word in _split(text or ""):
            words.add(word[:WORD_MAX_CHARS])
            bare = word.removeprefix(ARTICLE)
            if word != bare and len(bare) > 1:
                words.add(bare[:WORD_MAX_CHARS])
    return words


def keys_of(*texts: str | None) -> set[str]:
    """Return the keys as they are kept."""
    return {key for text in texts if (key := folded(text or "").strip()[:WORD_MAX_CHARS])}


def sought_in(text: str) -> list[Sought]:
    """Read a search. One without a letter or a digit has no word, so it finds every row.

    Raises INVALID_INPUT when it is too long.
    """
    field = ("filter", "search")
    if len(text) > SEARCH_MAX_CHARS:
        raise InvalidInputError(f"At most {SEARCH_MAX_CHARS} characters.", field)
    pieces = [(word, keys_of(piece, text)) for piece in text.split() for word in _split(piece)]
    if len(pieces) > SEARCH_MAX_WORDS:
        raise InvalidInputError(f"At most {SEARCH_MAX_WORDS} words.", field)
    return [Sought(word[:WORD_MAX_CHARS], frozenset(keys)) for word, keys in pieces]


def _split(text: str) -> Iterable[str]:
    return "".join(one if one.isalnum() else " " for one in folded(text)).split()


Words = set[tuple[WordKind, str]]


def words_of_user(first: str, last: str, email: str | None, external_id: str | None) -> Words:
    names = {(WordKind.USER_NAME, word) for word in words_of(first, last)}
    return names | {(WordKind.USER_KEY, key) for key in keys_of(email, external_id)}


def words_of_group(name: str, external_id: str | None) -> Words:
    names = {(WordKind.GROUP_NAME, word) for word in words_of(name)}
    return names | {(WordKind.GROUP_KEY, key) for key in keys_of(external_id)}


def words_of_session(title: str, subject: str | None) -> Words:
    return {(WordKind.SESSION, word) for word in words_of(title, subject)}
