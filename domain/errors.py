"""Refusals of the domain. Clients act on the code, which never changes; people read the message."""

from datetime import datetime
from enum import StrEnum


class ErrorCode(StrEnum):
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    INVALID_INPUT = "INVALID_INPUT"
    WRONG_STATUS = "WRONG_STATUS"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    CONFLICT = "CONFLICT"
    NOT_JOINABLE_YET = "NOT_JOINABLE_YET"
    SESSION_OVER = "SESSION_OVER"
    ROOM_FULL = "ROOM_FULL"
    BARRED = "BARRED"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    BLOCKED_DAY = "BLOCKED_DAY"
    AUTO_CREATION_OFF = "AUTO_CREATION_OFF"
    ACADEMY_INACTIVE = "ACADEMY_INACTIVE"
    NOT_IN_ROOM = "NOT_IN_ROOM"
    LIVEKIT_UNAVAILABLE = "LIVEKIT_UNAVAILABLE"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"


class DomainError(Exception):
    """A refusal: nothing was changed. `field` is the path to the input that it is about.

    `retry_at` is the moment from which the same request may succeed, where that is known.
    """

    code: ErrorCode
    retry_at: datetime | None = None

    def __init__(self, message: str, field: tuple[str, ...] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def under(self, *path: str) -> "DomainError":
        """Put `path` before the field, so that a bulk input says which row is refused."""
        self.field = (*path, *(self.field or ()))
        return self


class NotFoundError(DomainError):
    code = ErrorCode.NOT_FOUND


class ForbiddenError(DomainError):
    code = ErrorCode.FORBIDDEN


class InvalidInputError(DomainError):
    code = ErrorCode.INVALID_INPUT


class WrongStatusError(DomainError):
    code = ErrorCode.WRONG_STATUS


class AlreadyExistsError(DomainError):
    code = ErrorCode.ALREADY_EXISTS


class ConflictError(DomainError):
    code = ErrorCode.CONFLICT


class NotJoinableYetError(DomainError):
    code = ErrorCode.NOT_JOINABLE_YET


class SessionOverError(DomainError):
    code = ErrorCode.SESSION_OVER


class RoomFullError(DomainError):
    code = ErrorCode.ROOM_FULL


class NotInRoomError(DomainError):
    code = ErrorCode.NOT_IN_ROOM


class BarredError(DomainError):
    code = ErrorCode.BARRED


class AcademyInactiveError(DomainError):
    code = ErrorCode.ACADEMY_INACTIVE


class AutoCreationOffError(DomainError):
    code = ErrorCode.AUTO_CREATION_OFF


class BlockedDayError(DomainError):
    code = ErrorCode.BLOCKED_DAY


class OutsideWindowError(DomainError):
    code = ErrorCode.OUTSIDE_WINDOW


class LiveKitUnavailableError(DomainError):
    code = ErrorCode.LIVEKIT_UNAVAILABLE


class InvalidCredentialsError(DomainError):
    code = ErrorCode.INVALID_CREDENTIALS


class UnauthenticatedError(Exception):
    """Nobody is signed in, or the token is invalid: a top-level error, never in a payload."""


class RefusedError(Exception):
    """All refusals of one bulk input. Nothing of the input was written."""

    def __init__(self, errors: list[DomainError]) -> None:
        super().__init__(f"{len(errors)} refused")
        self.errors = errors

    def under(self, *path: str) -> "RefusedError":
        """Put `path` before the field of each refusal."""
        for error in self.errors:
            error.under(*path)
        return self
