"""The doctor's report: its findings, each printed as soon as it is made."""

from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.markup import escape

SKEW_OK_MS, SKEW_BAD_MS = 1000, 5000


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


MARKS = {Level.OK: "[green]ok  [/]", Level.WARN: "[yellow]warn[/]", Level.FAIL: "[red]fail[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`says` is what was found, `advice` what to do about it."""

    name: str
    level: Level
    says: str
    advice: str = ""


class Report:
    """Collects findings. A quiet report prints nothing."""

    def __init__(self, *, is_quiet: bool) -> None:
        self.findings: list[Finding] = []
        self._console = Console(highlight=False, soft_wrap=True, emoji=False, quiet=is_quiet)

    def good(self, name: str, says: str) -> None:
        self._add(Finding(name, Level.OK, says))

    def warn(self, name: str, says: str, advice: str = "") -> None:
        self._add(Finding(name, Level.WARN, says, advice))

    def fail(self, name: str, says: str, advice: str = "") -> None:
        self._add(Finding(name, Level.FAIL, says, advice))

    def skew(self, name: str, milliseconds: float) -> None:
        """Judge how far a clock is from ours."""
        says = f"{milliseconds:+.0f} ms to ours."
        if abs(milliseconds) <= SKEW_OK_MS:
            self.good(name, says)
            return
        judge = self.fail if abs(milliseconds) > SKEW_BAD_MS else self.warn
        judge(name, says, "Set both by NTP: tokens and attendance depend on it.")

    def counts(self) -> dict[str, int]:
        """Count the findings of each level."""
        levels = [finding.level for finding in self.findings]
        return {level.value: levels.count(level) for level in Level}

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        text = f"{finding.says} {finding.advice}".rstrip()
        self._console.print(f"{MARKS[finding.level]}  {finding.name:<18}  {escape(text)}")
