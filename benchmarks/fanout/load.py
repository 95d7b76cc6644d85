"""The load client and the loop of bytes: C programs, compiled when they are first used."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CACHE = Path.home() / ".cache" / "halaqa" / "fanout"
SOURCES = Path(__file__).parent / "client"
ENDS_WITHIN_S = 1800


class LoadError(Exception):
    """A measurement could not be made; says why."""


def compiled(name: str) -> Path:
    """Return the program of `client/NAME.c`. LoadError where there is no C compiler."""
    source = SOURCES / f"{name}.c"
    program = CACHE / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        compiler = shutil.which("cc")
        if compiler is None:
            raise LoadError("There is no C compiler, cc.")
        CACHE.mkdir(parents=True, exist_ok=True)
        aside = program.with_suffix(f".{os.getpid()}")
        command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(aside), str(source)]
        run(command, "The load client could not be compiled")
        aside.replace(program)
    return program


def run(
    command: Sequence[str], failure: str, cwd: Path | None = None, *, within_s: int = 600
) -> str:
    """Run to the end and return what it printed. LoadError says the failure and its last words."""
    try:
        ended = subprocess.run(  # noqa: S603 - our own words
            command, cwd=cwd, capture_output=True, text=True, check=False, timeout=within_s
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LoadError(f"{failure}: {error}") from None
    if ended.returncode != 0:
        said = (ended.stderr or ended.stdout).strip()[-400:]
        raise LoadError(f"{failure}: {said}")
    return ended.stdout


def on_core(number: int, command: Sequence[str]) -> list[str]:
    """Pin a command to one of our first two cores: servers on 0, their clients on 1."""
    cores = sorted(os.sched_getaffinity(0))
    taskset = shutil.which("taskset")
    if taskset is None or len(cores) < 2:
        return list(command)
    return [taskset, "-c", str(cores[number]), *command]


def measure(mode: str, options: dict[str, object]) -> dict[str, Any]:
    """Run the load client against a server; return what it measured."""
    command = [str(compiled("load")), "--mode", mode]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    printed = run(on_core(1, command), "The load client failed", within_s=ENDS_WITHIN_S)
    measured: dict[str, Any] = json.loads(printed)
    return measured
