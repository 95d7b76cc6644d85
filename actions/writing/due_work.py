"""Due work is claimed by the clock, done by a job, and deleted once its effect is certain."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from tortoise.queryset import QuerySet

from domain.session import WorkKind
from models import DueWork
from models.database import sql
from models.database.fields import utc
from models.reading.clock_status import FAILED_AFTER

CLAIM = timedelta(seconds=30)  # how long a job may take before its work is claimed again
MAX_WAIT = timedelta(seconds=15)
DEADLY_AFTER = 5  # starts in a row without an end
QUARANTINE = timedelta(minutes=10)
DEADLY = f"Begun {DEADLY_AFTER} times, and each time the process ended before it did."

# Work that is added again is due anew, whatever became of it before.
ON_CONFLICT_RENEW = """
ON CONFLICT (kind, subject) DO UPDATE
SET due_at = excluded.due_at, attempts = 0, claimed_until = NULL, last_error = NULL
"""
ADD_WORK = f"""
INSERT INTO due_work (kind, subject, academy_id, due_at, attempts, begun)
VALUES ($1, $2, $3, $4, 0, 0) {ON_CONFLICT_RENEW}
"""
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
START = """
UPDATE due_work SET claimed_until = $4, begun = begun + 1
WHERE id = $1 AND due_at = $2 AND claimed_until = $3 RETURNING begun
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One piece of work that a process holds until its claim expires.

    `claimed_until` also tells one claim from the next. `begun` counts the starts since the work
    last came to an end; it is 0 while this claim only waits.
    """

    id: int
    kind: WorkKind
    subject: int
    academy_id: int
    due_at: datetime
    claimed_until: datetime
    attempts: int
    begun: int = 0

    @property
    def is_deadly(self) -> bool:
        return self.begun > DEADLY_AFTER

    def to_dict(self) -> dict[str, Any]:
        """Write it as JSON values, exact to the microsecond."""
        told: dict[str, Any] = _claims.dump_python(self, mode="json")
        return told

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> "Claim":
        """Read what `to_dict` wrote; ValueError if it is no claim."""
        return _claims.validate_python(told)


_claims = TypeAdapter(Claim)


async def claim_due(
    now: datetime, limit: int = 100, kinds: Collection[WorkKind] = tuple(WorkKind)
) -> list[Claim]:
    """Claim what is due for `CLAIM`, so that no other process takes it."""
    until = now + CLAIM
    take = TAKE.format(
        kinds=sql.places(len(kinds), first=4), lock=sql.lock_suffix(skip_locked=True)
    )
    claims = [
        Claim(
            id=row["id"],
            kind=WorkKind(row["kind"]),
            subject=row["subject"],
            academy_id=row["academy_id"],
            due_at=utc(row["due_at"]),
            claimed_until=until,
            attempts=row["attempts"],
        )
        for row in await sql.query(take, now, limit, until, *(kind.value for kind in kinds))
    ]
    return sorted(claims, key=lambda claim: claim.due_at)


def _still(claim: Claim) -> QuerySet[DueWork]:
    """Select the work if it is still as this claim left it: not added anew, not claimed again."""
    return DueWork.filter(id=claim.id, due_at=claim.due_at, claimed_until=claim.claimed_until)


async def start(claim: Claim, now: datetime) -> Claim | None:
    """Start claimed work: extend the claim, count the start; None if the claim is not the latest.

    So a message that arrives late or twice does nothing.
    """
    until = max(now + CLAIM, claim.claimed_until + timedelta(microseconds=1))
    rows = await sql.query(START, claim.id, claim.due_at, claim.claimed_until, until)
    return replace(claim, claimed_until=until, begun=rows[0]["begun"]) if rows else None


async def finish(claim: Claim) -> None:
    """Delete work whose effect is certain, unless it was added again meanwhile."""
    if not await _still(claim).delete():
        await _reset_starts(claim)


async def _reset_starts(claim: Claim) -> None:
    """Forget its starts: it came to an end, also where it was added anew meanwhile."""
    await DueWork.filter(id=claim.id).update(begun=0)


async def retry(claim: Claim, error: Exception, now: datetime) -> None:
    """Retry failed work after 1, 2, 4 … seconds, then every 15, without end."""
    wait = min(timedelta(seconds=2 ** min(claim.attempts, 10)), MAX_WAIT)
    is_ours = await _still(claim).update(
        attempts=claim.attempts + 1,
        begun=0,
        claimed_until=now + wait,
        last_error=f"{type(error).__name__}: {error}"[:500],
    )
    if not is_ours:
        await _reset_starts(claim)


async def release(claim: Claim) -> None:
    """Let work that was not done be claimed again at once; it counts as no failure."""
    await _still(claim).update(begun=0, claimed_until=None)


async def quarantine(claim: Claim, now: datetime) -> None:
    """Put deadly work off for `QUARANTINE`, then allow one more start."""
    await _still(claim).update(
        attempts=max(claim.attempts + 1, FAILED_AFTER),
        begun=DEADLY_AFTER - 1,
        claimed_until=now + QUARANTINE,
        last_error=DEADLY,
    )
