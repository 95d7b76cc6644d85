"""Times that the scenarios measured, for the summary at the end of the run."""

from collections import defaultdict
from statistics import median

stay_errors_ms: list[tuple[str, float]] = []
watcher_delays_ms: list[float] = []
spans_s: dict[str, list[float]] = defaultdict(list)


def summary() -> list[str]:
    """Lines to print, without those that were not measured."""
    lines = [_stays(kind) for kind in sorted({kind for kind, _ in stay_errors_ms})]
    if watcher_delays_ms:
        told = sorted(watcher_delays_ms)
        late = told[int(len(told) * 0.95)]
        numbers = f"median {median(told):.0f}, p95 {late:.0f}, longest {told[-1]:.0f} ms"
        lines.append(f"webhook to watcher: {numbers} ({len(told)} changes)")
    for what, seconds in spans_s.items():
        lines.append(f"{what}: {', '.join(f'{value:.1f}' for value in seconds)} s")
    return lines


def _stays(kind: str) -> str:
    errors = [error for of, error in stay_errors_ms if of == kind]
    worst = max(errors, key=abs)
    return f"{kind} off by: median {median(errors):+.0f}, worst {worst:+.0f} ms ({len(errors)})"
