"""Names of rooms and identities of people at LiveKit."""

import re

from domain.session import SessionKind

_KIND_WORDS = {
    SessionKind.QURAN: "quran",
    SessionKind.ACADEMIC: "academic",
    SessionKind.INTERACTIVE_COURSE: "interactive",
}
ROOM_NAME_MAX_CHARS = 200
TRIAL_ROOM = "halaqa-doctor-"  # the prefix of rooms that `doctor` makes as a trial
_IDENTITY_MAX_BYTES = 256  # LiveKit's own limit
USER_ID_MAX = 2**31 - 1  # PostgreSQL refuses to compare an id with more
_IDENTITY = re.compile(r"([1-9][0-9]{0,9})_")
_PEOPLE = ("STANDARD", "SIP")
_RECORDERS = "EG_"
_WORD_BREAK = re.compile(r"[\s_-]+")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9-]")


def room_name(academy_slug: str, kind: SessionKind, number: int) -> str:
    """Name a session's room: `itqan-quran-session-12`."""
    return f"{academy_slug}-{_KIND_WORDS[kind]}-session-{number}"


def participant_identity(number: int, first_name: str, last_name: str) -> str:
    """Join number and names: `1_Sara_Ali`, at most 256 bytes.

    Names are ASCII already; characters that an identity cannot hold are dropped.
    """
    hyphened = (_WORD_BREAK.sub("-", name.strip()) for name in (first_name, last_name))
    words = [_FORBIDDEN.sub("", name).strip("-") for name in hyphened]
    named = [word for word in words if word] or ["user"]
    return "_".join([str(number), *named])[:_IDENTITY_MAX_BYTES]


def is_person(kind: str | None, identity: str) -> bool:
    """Tell people from recorders and agents, by LiveKit's kind of the participant.

    A recorder of an older server has no kind, but the id of its egress for an identity.
    """
    return kind in _PEOPLE and not identity.startswith(_RECORDERS)


def user_number(identity: str) -> int | None:
    """Read the user's id from an identity; None if it is not ours, as a recorder's."""
    # A client that connects with `?publish=x` is called `identity#x` by LiveKit.
    found = _IDENTITY.match(identity.partition("#")[0])
    number = int(found[1]) if found else None
    return number if number is not None and number <= USER_ID_MAX else None
