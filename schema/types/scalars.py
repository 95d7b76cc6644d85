"""Defines the scalars DateTime and URL."""

import re
from datetime import UTC, datetime, timedelta
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types.scalar import ScalarDefinition

URL = NewType("URL", str)

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

_WRITTEN = "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ"  # isoformat takes twice as long

# PostgreSQL's driver takes the first and the last moment that Python has for infinity, and reads
# them without an offset: others send them for "always". A millisecond is told the same.
_FIRST = datetime.min.replace(tzinfo=UTC) + timedelta.resolution
_LAST = datetime.max.replace(tzinfo=UTC) - timedelta.resolution


def read_datetime(value: object) -> datetime:
    """Read RFC 3339 text with an offset; refuse anything else in a sentence."""
    refusal = GraphQLError(f"Not a date and time with its offset (RFC 3339): {value!r}.")
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise refusal
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise refusal from None
    return min(max(moment, _FIRST), _LAST)


def write_datetime(moment: datetime) -> str:
    """Write the moment in UTC with milliseconds, ending in Z."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    date = (moment.year, moment.month, moment.day)
    time = (moment.hour, moment.minute, moment.second, moment.microsecond // 1000)
    return _WRITTEN % (*date, *time)


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=write_datetime,
        parse_value=read_datetime,
    ),
    URL: strawberry.scalar(
        name="URL",
        specified_by_url="https://url.spec.whatwg.org/",
        serialize=str,
        parse_value=str,
    ),
}

CONFIG = StrawberryConfig(scalar_map=SCALARS)
