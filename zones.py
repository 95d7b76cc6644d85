"""Time zones: their rules come from the pinned package `tzdata`, and from nowhere else.

Python reads the system's zone files first, and those may be older than the package: an academy
would get the hours of a law that is no longer in force. Importing this file takes the system's
files away from the whole process; no other file makes a zone.
"""

import zoneinfo
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzdata  # type: ignore[import-untyped]

RELEASE: str = tzdata.IANA_VERSION
OLDEST = "2026c"  # the first release in which Morocco is on UTC all the year
NO_ZONES = {"localtime", "Factory"}  # files among the zones: the host's own zone, and a placeholder
PROOF = "Africa/Casablanca", datetime(2026, 11, 30, tzinfo=UTC), timedelta(0)


class ZoneDataError(Exception):
    """Says what is wrong with this process's zone data."""


def use_package() -> None:
    """Read zones from the package alone, also those that were read before from other files."""
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()


use_package()


def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def zone_names() -> set[str]:
    """Return the names of all zones that an academy may have."""
    return zoneinfo.available_timezones() - NO_ZONES


def check_zone_data() -> str:
    """Return the release of the zone data, such as "2026f"; ZoneDataError if it is not ours, or
    too old."""
    if zoneinfo.TZPATH:
        raise ZoneDataError("This process reads the system's time zones: leave PYTHONTZPATH empty.")
    advice = "install requirements/app.lock"
    if RELEASE < OLDEST:
        raise ZoneDataError(f"The time zones are of {RELEASE}, before {OLDEST}: {advice}.")
    name, moment, offset = PROOF
    try:
        is_right = moment.astimezone(ZoneInfo.no_cache(name)).utcoffset() == offset
    except ZoneInfoNotFoundError:
        is_right = False
    if not is_right:
        raise ZoneDataError(f"The time zones of the package tzdata are not whole: {advice}.")
    return RELEASE
