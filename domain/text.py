"""Text from people: checked, and brought into the form that is stored."""

import re

from domain.errors import InvalidInputError

EXTERNAL_ID_MAX_CHARS = 200

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL stores neither


def is_storable(text: str) -> bool:
    return not _UNSTORABLE.search(text)


def cleaned(text: str, longest: int, *field: str, shortest: int = 1) -> str:
    """Strip the text and check its length, in characters; INVALID_INPUT names the field.

    The text is stripped first, so that the length that counts is the length that is stored.
    """
    text = text.strip()
    if not shortest <= len(text) <= longest:
        message = f"`{field[-1]}` has {shortest} to {longest} characters."
        raise InvalidInputError(message, field)
    if not is_storable(text):
        raise InvalidInputError(f"`{field[-1]}` holds what is no text.", field)
    return text


def check_external_id(text: str) -> None:
    """Raise INVALID_INPUT for an empty or too long external id, which is stored as it is given."""
    if not 1 <= len(text) <= EXTERNAL_ID_MAX_CHARS:
        message = f"An external id has 1 to {EXTERNAL_ID_MAX_CHARS} characters."
        raise InvalidInputError(message, ("externalId",))


def email_of(typed: str) -> str:
    """Return the address in one spelling, however it is typed."""
    return typed.strip().lower()
