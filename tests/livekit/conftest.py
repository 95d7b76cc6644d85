"""A livekit-server and the application for all scenarios, and their summary."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conftest import Template
from tests.livekit import measured
from tests.livekit.campus import Campus, opened
from tests.livekit.together import Started, start_all

# The clients' own chatter about connections that the scenarios break on purpose.
logging.getLogger("livekit").setLevel(logging.CRITICAL)

# Scenarios run together, and the first that is asked for waits for all that go before it.
HANGS_AFTER_S = 600

_passed: dict[str, bool] = {}


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def any_template(request: pytest.FixtureRequest) -> Template:
    found: Template = request.getfixturevalue(f"{request.param}_template")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def campus(
    any_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Campus]:
    folder = tmp_path_factory.mktemp("livekit")
    async with opened(await any_template.fresh(), folder) as campus:
        yield campus


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def started(request: pytest.FixtureRequest, campus: Campus) -> AsyncIterator[Started]:
    """The scenarios that were asked for, all of them under way."""
    functions = [getattr(item, "function", None) for item in request.session.items]
    plans = [getattr(function, "plan", None) for function in functions]
    tasks = await start_all(campus, [plan for plan in dict.fromkeys(plans) if plan])
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.timeout(HANGS_AFTER_S))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "livekit" in report.keywords and not report.skipped:
        _passed[report.nodeid] = report.passed and _passed.get(report.nodeid, True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in measured.summary():
        terminalreporter.write_line(f"livekit: {line}")
    if _passed:
        passed = sum(_passed.values())
        terminalreporter.write_line(f"livekit: {passed} of {len(_passed)} scenarios passed")
