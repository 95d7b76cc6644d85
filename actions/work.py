"""Due work: claimed by the clock, done by a task, deleted when the effect is certain."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise.queryset import QuerySet

from domain.session import WorkKind
from models import DueWork, sql
from models.fields import utc

CLAIM = timedelta(seconds=30)  # how long a task may take before its work is claimed again
MAX_WAIT = timedelta(seconds=15)
FAILED_AFTER = 5  # attempts, from which on systemStatus counts it as failed

# Materialised: PostgreSQL may otherwise look for the limited rows more than once.
TAKE = """
WITH due AS MATERIALIZED (
    SELECT id FROM due_work
    WHERE due_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1) AND kind IN ({kinds})
    ORDER BY due_at LIMIT $2 {lock}
)
UPDATE due_work SET claimed_until = $3 WHERE id IN (SELECT id FROM due)
RETURNING id, kind, subject, academy_id, due_at, attempts
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """One piece of work that is somebody's until its claim runs out."""

    id: int
    kind: WorkKind
    subject: int
    academy_id: int
    due_at: datetime
    claimed_until: datetime
    attempts: int


async def claim_due(
    now: datetime, limit: int = 100, kinds: Collection[WorkKind] = tuple(WorkKind)
) -> list[Claim]:
    """Take what is due, so that nobody else does for a while."""
    until = now + CLAIM
    take = TAKE.format(
        kinds=sql.places(len(kinds), first=4), lock=sql.lock_suffix(skip_locked=True)
    )
    rows = await sql.query(take, now, limit, until, *(kind.value for kind in kinds))
    return sorted((_claim(row, until) for row in rows), key=lambda claim: claim.due_at)


def _claim(row: dict[str, Any], until: datetime) -> Claim:
    return Claim(
        id=row["id"],
        kind=WorkKind(row["kind"]),
        subject=row["subject"],
        academy_id=row["academy_id"],
        due_at=utc(row["due_at"]),
        claimed_until=until,
        attempts=row["attempts"],
    )


def _still(claim: Claim) -> QuerySet[DueWork]:
    """The work as it was claimed: not what was asked for anew, nor what others have claimed."""
    return DueWork.filter(id=claim.id, due_at=claim.due_at, claimed_until=claim.claimed_until)


async def finish(claim: Claim) -> None:
    """The effect is certain. Work that was asked for again meanwhile stays."""
    await _still(claim).delete()


async def put_off(claim: Claim, error: Exception, now: datetime) -> None:
    """It failed: try again after 1, 2, 4 … seconds, at most every 15. It is never given up."""
    wait = min(timedelta(seconds=2 ** min(claim.attempts, 10)), MAX_WAIT)
    await _still(claim).update(
        attempts=claim.attempts + 1,
        claimed_until=now + wait,
        last_error=f"{type(error).__name__}: {error}"[:500],
    )
