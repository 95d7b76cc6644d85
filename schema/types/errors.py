from datetime import datetime
from typing import Self

import strawberry

from domain.errors import DomainError, ErrorCode


@strawberry.type
class UserError:
    code: ErrorCode
    message: str
    field: list[str] | None
    retry_at: datetime | None

    @classmethod
    def of(cls, error: DomainError) -> Self:
        path = list(error.field) if error.field else None
        return cls(code=error.code, message=error.message, field=path, retry_at=error.retry_at)
