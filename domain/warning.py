"""Warnings: what somebody should look at before a session starts. Nothing of them is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import DomainError

WARNINGS_MAX = 20  # of one session; the worst are kept


class SessionWarningCode(StrEnum):
    """Says what is to be looked at."""

    MEETING_WILL_BE_REFUSED = "MEETING_WILL_BE_REFUSED"
    TEACHER_INACTIVE = "TEACHER_INACTIVE"
    TEACHER_BUSY = "TEACHER_BUSY"
    NOBODY_EXPECTED = "NOBODY_EXPECTED"
    OVER_CAPACITY = "OVER_CAPACITY"
    STUDENT_BUSY = "STUDENT_BUSY"


@dataclass(frozen=True, slots=True)
class Clash:
    """A person who is needed in another session at an overlapping time."""

    user_id: int
    other_id: int


@dataclass(frozen=True, slots=True)
class FoundWarning:
    """One warning: a text, or a clash, of which the text depends on what the viewer may see.

    `user_id` is the person it is about, if it is about one.
    """

    code: SessionWarningCode
    told: str | Clash
    user_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A session before its start, and what is known of the time until its end.

    `refusal` says why the clock will make no meeting for it. `expected` counts those who are
    expected and can come; `places` is the most people its meeting lets in, the teacher too.
    """

    refusal: DomainError | None
    teacher_id: int
    is_teacher_active: bool
    expected: int
    places: int
    teacher_clashes: Sequence[Clash] = ()
    student_clashes: Sequence[Clash] = ()


def find_warnings(outlook: Outlook) -> list[FoundWarning]:
    """List the warnings of a session, at most WARNINGS_MAX.

    The worst come first: those that let no class happen, then those that leave people out.
    """
    code = SessionWarningCode
    found: list[FoundWarning] = []
    if outlook.refusal is not None:
        text = f"No meeting will be made before it is over. {outlook.refusal.message}"
        found.append(FoundWarning(code.MEETING_WILL_BE_REFUSED, text))
    if not outlook.is_teacher_active:
        text = "Its teacher is not active."
        found.append(FoundWarning(code.TEACHER_INACTIVE, text, outlook.teacher_id))
    found += [FoundWarning(code.TEACHER_BUSY, one, one.user_id) for one in outlook.teacher_clashes]
    if outlook.expected == 0:
        found.append(FoundWarning(code.NOBODY_EXPECTED, "Nobody is expected."))
    people = outlook.expected + 1  # the teacher takes a place too
    if people > outlook.places:
        text = f"{people} people, the teacher among them, and {outlook.places} places."
        found.append(FoundWarning(code.OVER_CAPACITY, text))
    found += [FoundWarning(code.STUDENT_BUSY, one, one.user_id) for one in outlook.student_clashes]
    return found[:WARNINGS_MAX]


def clash_text(name: str, title: str | None = None, start: datetime | None = None) -> str:
    """Tell of a clash: with the other session's title and local start, where it may be seen."""
    if title is None or start is None:
        return f"{name} is needed in another session at this time."
    told = f"{start:%Y-%m-%d %H:%M} ({start.tzinfo})"
    return f'{name} is needed in "{title}" at this time, which starts {told}.'


def sibling_text(name: str, number: int) -> str:
    """Tell of a clash with another session that the same call asks for, by its index there."""
    return f"{name} is needed in input {number} of this call at this time."
