"""Text that people type, as it is stored."""

import re

from domain.errors import InvalidInputError

LONGEST_ID = 200

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL's text has neither


def is_storable(text: str) -> bool:
    return not _UNSTORABLE.search(text)


def cleaned(text: str, longest: int, *field: str, shortest: int = 1) -> str:
    """Without the space around it: what is measured is what is stored. INVALID_INPUT for what is
    too short or too long, or no text."""
    text = text.strip()
    if not shortest <= len(text) <= longest:
        message = f"`{field[-1]}` has {shortest} to {longest} characters."
        raise InvalidInputError(message, field)
    if not is_storable(text):
        raise InvalidInputError(f"`{field[-1]}` holds what is no text.", field)
    return text


def check_external_id(text: str) -> None:
    """An academy's own name for something, stored as it is given; INVALID_INPUT."""
    if not 1 <= len(text) <= LONGEST_ID:
        message = f"An external id has 1 to {LONGEST_ID} characters."
        raise InvalidInputError(message, ("externalId",))


def email_of(typed: str) -> str:
    """The same address however it is typed."""
    return typed.strip().lower()
