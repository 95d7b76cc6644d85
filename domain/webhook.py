"""Outcomes of a webhook."""

from enum import StrEnum


class WebhookOutcome(StrEnum):
    APPLIED = "APPLIED"
    DUPLICATE = "DUPLICATE"
    IGNORED = "IGNORED"
    POISON = "POISON"
