"""docs/signals.md has every log phrase, metric, error code and close code: no more, no fewer."""

import ast
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import telemetry
from domain.errors import ErrorCode
from execution.refusals import RequestCode
from routes.metrics import gauges
from subscriptions.messages import CloseCode
from tests.unit.test_health import WELL

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "signals.md").read_text()
LEVELS = {"exception": "ERROR", "error": "ERROR", "warning": "WARNING", "info": "INFO"}
NO_SIGNALS = {"benchmarks", "tests"}


def listed(heading: str) -> list[str]:
    """The first column of the tables below a heading, down to the next heading."""
    (part,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)


def logged() -> dict[str, set[str]]:
    """The phrases of all `logger.…` calls, by level."""
    phrases: dict[str, set[str]] = defaultdict(set)
    folders = {path.parent for path in ROOT.glob("*/__init__.py")}
    files = [
        file for folder in folders if folder.name not in NO_SIGNALS for file in folder.rglob("*.py")
    ]
    for file in [*ROOT.glob("*.py"), *files]:
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name("logger"), attr=method), args=[said, *_]
                ):
                    phrase = ast.literal_eval(said)  # fails where it is no fixed phrase
                    assert isinstance(phrase, str)
                    phrases[LEVELS[method]].add(phrase)
    return phrases


def test_every_log_phrase_is_listed_under_its_level() -> None:
    phrases = logged()
    for level in ("ERROR", "WARNING", "INFO"):
        assert listed(level) == sorted(phrases[level])


def test_every_metric_is_listed() -> None:
    counted = [
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in telemetry.REGISTRY.collect()
    ]
    webhooks = replace(WELL.webhooks, last_received_at=WELL.as_of)
    read = [metric.name for metric in gauges(replace(WELL, webhooks=webhooks))]
    assert listed("Metrics") == [*sorted(counted), *sorted(read)]


def test_every_error_code_is_listed() -> None:
    assert listed("GraphQL error codes") == sorted([*ErrorCode, *RequestCode])


def test_every_close_code_is_listed() -> None:
    assert listed("WebSocket close codes") == [str(code.value) for code in sorted(CloseCode)]
