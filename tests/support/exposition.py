"""Metrics in Prometheus's text format, parsed."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

import telemetry

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Numbers:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(numbers: Numbers, name: str, **labels: str) -> float:
    return numbers.get((f"halaqa_{name}", frozenset(labels.items())), 0.0)


def counted(name: str, **labels: str) -> float:
    """A counter of this very process."""
    return value(read(generate_latest(telemetry.REGISTRY).decode()), name, **labels)
