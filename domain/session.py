"""The words of sessions and groups: kinds, formats, where a meeting came from, work to do."""

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
    """Who asked for the meeting."""

    AUTO = "auto"
    ADMIN = "admin"
    TEACHER = "teacher"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    API = "api"


class WorkKind(StrEnum):
    """What must still happen outside the transaction that caused it."""

    MAKE_ROOM = "MAKE_ROOM"
    DELETE_ROOM = "DELETE_ROOM"
    FINALISE_ATTENDANCE = "FINALISE_ATTENDANCE"
    MAKE_MEETING = "MAKE_MEETING"  # ahead of time, or again after it was refused
    EXPIRE_STAYS = "EXPIRE_STAYS"  # those that nobody has confirmed for too long
    EXPIRE_REPORT = "EXPIRE_REPORT"  # of a participant: a join that LiveKit has not confirmed
    REMOVE_PERSON = "REMOVE_PERSON"  # of a participant: in the room, perhaps without a right to be
