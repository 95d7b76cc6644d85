"""Checks LiveKit's webhooks for the doctor: do they come, in time, and was the door open?"""

from datetime import datetime

from actions.clock.system_status import webhook_status
from cli.doctor_report import SKEW_OK_MS, Report
from domain.attendance.lines import CUT_OFF_MS
from models import DoorClosure
from models.reading.door_status import shut_now
from models.reading.webhook_status import read_delays

MOMENT = "%F %TZ"


async def check_webhooks(report: Report, now: datetime) -> None:
    """Check what the open database knows of webhooks and of the door that they come through."""
    status = await webhook_status(now)
    advice = "Give LiveKit the address of /webhooks/livekit, and a key of ours to sign with."
    if status.is_silent:
        report.fail("webhooks", "People come and go, and LiveKit does not tell.", advice)
    elif status.last_received_at is None:
        report.warn("webhooks", "None has ever arrived.", advice)
    else:
        last = f"the last {status.last_received_at:{MOMENT}}."
        report.good("webhooks", f"{status.received_last_hour} in the last hour, {last}")
    if status.rejected_last_hour:
        says = f"{status.rejected_last_hour} in the last hour were not signed by a key of ours."
        report.warn("webhook keys", says, "Compare HALAQA_LIVEKIT_WEBHOOK_KEYS.")
    if status.poison_last_hour:
        says = f"{status.poison_last_hour} in the last hour were of nothing we know."
        report.warn("webhook contents", says, "`webhooks activity` shows them.")
    await _check_times(report, now)
    shut, last_shut = await shut_now(now), await DoorClosure.all().order_by("-shut_from").first()
    if shut is not None:
        says = f"It is shut since {shut[0]:{MOMENT}}: attendance of this time will be in doubt."
        advice = "Start a server. If one runs, its log says `webhook not stored` and why."
        report.warn("webhook door", says, advice)
    elif last_shut is not None:
        times = f"from {last_shut.shut_from:{MOMENT}} to {last_shut.shut_until:{MOMENT}}"
        report.good("webhook door", f"It was last shut {times}.")
    else:
        report.good("webhook door", "It is not known to have been shut in the last 30 days.")


async def _check_times(report: Report, now: datetime) -> None:
    """Compare LiveKit's clock with ours by the webhooks of the last hour; the fastest tells most.

    LiveKit cuts its times off to whole seconds.
    """
    name, advice = "livekit's times", "Set both by NTP: attendance is of LiveKit's times."
    number, least_ms = await read_delays(now)
    if least_ms is None:
        return
    if least_ms < -SKEW_OK_MS:
        report.skew(name, -least_ms)
    elif least_ms > CUT_OFF_MS + SKEW_OK_MS:
        late = f"Webhooks arrive {(least_ms - CUT_OFF_MS) / 1000:.1f} s late or more"
        report.warn(name, f"{late}: LiveKit's clock is behind ours, or they are slow.", advice)
    else:
        report.good(name, f"{number} webhooks of the last hour fit our clock.")
