"""What rooms and the people in them are called at LiveKit."""

import re

from domain.session import SessionKind

_KIND_WORDS = {
    SessionKind.QURAN: "quran",
    SessionKind.ACADEMIC: "academic",
    SessionKind.INTERACTIVE_COURSE: "interactive",
}
TRIAL_ROOM = "halaqa-doctor-"  # what the names of rooms that are only made to see begin with
_LONGEST_IDENTITY = 256  # bytes, LiveKit's own limit
_LARGEST_NUMBER = 2**31 - 1  # of a user's id in the database
_IDENTITY = re.compile(r"([1-9][0-9]{0,9})_")
_WORD_BREAK = re.compile(r"[\s_-]+")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9-]")


def room_name(academy_slug: str, kind: SessionKind, number: int) -> str:
    return f"{academy_slug}-{_KIND_WORDS[kind]}-session-{number}"


def participant_identity(number: int, first_name: str, last_name: str) -> str:
    """`1_Ameer_Maher`, at most 256 bytes. Names are ASCII already; what cannot stay is dropped."""
    words = [word for word in map(_word, (first_name, last_name)) if word]
    return "_".join([str(number), *(words or ["user"])])[:_LONGEST_IDENTITY]


def user_number(identity: str) -> int | None:
    """Whose identity this is; None for recorders, agents and whatever we did not hand out."""
    # A client that connects with `?publish=x` is called `identity#x` by LiveKit.
    found = _IDENTITY.match(identity.partition("#")[0])
    number = int(found[1]) if found else None
    return number if number is not None and number <= _LARGEST_NUMBER else None


def _word(name: str) -> str:
    return _FORBIDDEN.sub("", _WORD_BREAK.sub("-", name.strip())).strip("-")
