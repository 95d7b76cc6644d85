"""Kinds, formats and sources of sessions, groups and meetings, and the kinds of due work."""

from enum import StrEnum


class SessionKind(StrEnum):
    QURAN = "QURAN"
    ACADEMIC = "ACADEMIC"
    INTERACTIVE_COURSE = "INTERACTIVE_COURSE"


class SessionFormat(StrEnum):
    INDIVIDUAL = "INDIVIDUAL"
    GROUP = "GROUP"


class GroupKind(StrEnum):
    CIRCLE = "CIRCLE"
    INDIVIDUAL_CIRCLE = "INDIVIDUAL_CIRCLE"
    CLASSROOM = "CLASSROOM"
    INDIVIDUAL_LESSON = "INDIVIDUAL_LESSON"
    COURSE = "COURSE"


class MembershipSource(StrEnum):
    ENROLMENT = "ENROLMENT"
    SUBSCRIPTION = "SUBSCRIPTION"


class MeetingSource(StrEnum):
    """The origin of a meeting: the clock, a person by role, a token, or the API."""

    AUTO = "auto"
    ADMIN = "admin"
    TEACHER = "teacher"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    API = "api"


class WorkKind(StrEnum):
    """Kinds of due work: work outside the transaction that caused it.

    EXPIRE_REPORT and REMOVE_PERSON are about a participant, all others about a session.
    """

    MAKE_ROOM = "MAKE_ROOM"
    DELETE_ROOM = "DELETE_ROOM"
    FINALISE_ATTENDANCE = "FINALISE_ATTENDANCE"
    MAKE_MEETING = "MAKE_MEETING"  # ahead of time, or again after a refusal
    EXPIRE_STAYS = "EXPIRE_STAYS"  # stays that nobody has confirmed for too long
    EXPIRE_REPORT = "EXPIRE_REPORT"  # a report of a join that LiveKit has not confirmed
    NOTE_AWAY = "NOTE_AWAY"  # our door for webhooks was shut while people were in the room
    MISS_TEACHER = "MISS_TEACHER"  # its teacher should have come by then
    REMOVE_PERSON = "REMOVE_PERSON"  # somebody in the room who may have lost the right to be there
