"""Looks at the link templates that are stored: a setting may have become stricter since."""

from cli.doctor_report import Report
from domain.links import scheme_of
from models import Academy

SHOWN_MAX = 10


async def check_links(report: Report, schemes: tuple[str, ...]) -> None:
    """Name the academies whose links have a scheme that HALAQA_LINK_SCHEMES does not allow."""
    rows = await Academy.filter(meeting_link_template__isnull=False).order_by("slug")
    outside = [
        row.slug for row in rows if scheme_of(row.meeting_link_template or "") not in schemes
    ]
    if not outside:
        report.good("link templates", f"All have an allowed scheme: {', '.join(schemes)}.")
        return
    more = f" and {len(outside) - SHOWN_MAX} more" if len(outside) > SHOWN_MAX else ""
    says = f"Not of an allowed scheme: those of {', '.join(outside[:SHOWN_MAX])}{more}."
    advice = "They work on. Add the scheme to HALAQA_LINK_SCHEMES, or change the template."
    report.warn("link templates", says, advice)
