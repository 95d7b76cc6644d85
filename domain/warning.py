"""Warnings: what somebody should look at before a session starts. Nothing of them is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import DomainError

WARNINGS_MAX = 20  # of one session; the worst are kept


class SessionWarningCode(StrEnum):
    """The worst first: those without which there is no class, then those that leave out some."""

    MEETING_WILL_BE_REFUSED = "MEETING_WILL_BE_REFUSED"
    TEACHER_INACTIVE = "TEACHER_INACTIVE"
    TEACHER_BUSY = "TEACHER_BUSY"
    NOBODY_EXPECTED = "NOBODY_EXPECTED"
    OVER_CAPACITY = "OVER_CAPACITY"
    STUDENT_BUSY = "STUDENT_BUSY"


CODES = tuple(SessionWarningCode)


@dataclass(frozen=True, slots=True)
class Clash:
    """A person who is needed in another session at an overlapping time."""

    user_id: int
    other_id: int


@dataclass(frozen=True, slots=True)
class FoundWarning:
    """One warning. A clash has no text here: its words depend on what the viewer may see."""

    code: SessionWarningCode
    text: str | None = None
    user_id: int | None = None
    other_id: int | None = None


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
    """List the warnings of a session, the worst first, and at most WARNINGS_MAX."""
    found: list[FoundWarning] = []
    code = SessionWarningCode
    if outlook.refusal is not None:
        text = f"No meeting will be made before it is over. {outlook.refusal.message}"
        found.append(FoundWarning(code.MEETING_WILL_BE_REFUSED, text))
    if not outlook.is_teacher_active:
        text = "Its teacher is not active."
        found.append(FoundWarning(code.TEACHER_INACTIVE, text, outlook.teacher_id))
    if outlook.expected == 0:
        found.append(FoundWarning(code.NOBODY_EXPECTED, "Nobody is expected."))
    people = outlook.expected + 1  # the teacher takes a place too
    if people > outlook.places:
        text = f"{people} people, the teacher among them, and {outlook.places} places."
        found.append(FoundWarning(code.OVER_CAPACITY, text))
    for clash_code, clashes in (
        (code.TEACHER_BUSY, outlook.teacher_clashes),
        (code.STUDENT_BUSY, outlook.student_clashes),
    ):
        found += [FoundWarning(clash_code, None, one.user_id, one.other_id) for one in clashes]
    return sorted(found, key=lambda one: CODES.index(one.code))[:WARNINGS_MAX]


def clash_text(name: str, title: str | None = None, start: datetime | None = None) -> str:
    """Tell of a clash: with the other session's title and local start, where it may be seen."""
    if title is None or start is None:
        return f"{name} is needed in another session at this time."
    told = f"{start:%Y-%m-%d %H:%M} ({start.tzinfo})"
    return f'{name} is needed in "{title}" at this time, which starts {told}.'


def sibling_text(name: str, number: int) -> str:
    """Tell of a clash with another session that the same call asks for, by its index there."""
    return f"{name} is needed in input {number} of this call at this time."
