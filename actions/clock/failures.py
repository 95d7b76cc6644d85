"""Counts what fails for one session of many, so that the next one gets its turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from models import Session


class Tally(Protocol):
    """Counts the sessions of one run; `fail` logs an error, and counts its session as failed."""

    def fail(self, session: Session, error: Exception) -> None: ...


@contextmanager
def counting_failure(tally: Tally, session: Session) -> Iterator[None]:
    """Keep an error of the block to its session; the tally logs and counts it."""
    try:
        yield
    except Exception as error:
        tally.fail(session, error)
