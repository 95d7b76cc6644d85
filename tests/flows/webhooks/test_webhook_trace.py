"""A webhook's path to a screen stays short: how many functions and files of ours it enters."""

from tests.conftest import SqliteTemplate
from tests.support.tracing import trace_leave

# Lower them when the path gets shorter (`python -m benchmarks.webhook_trace --names` lists it).
# In a process that ran other tests it is one or two more than alone.
FUNCTIONS_MAX = 144
FILES_MAX = 51


async def test_a_leave_reaches_one_watcher_by_few_functions(
    sqlite_template: SqliteTemplate,
) -> None:
    entered = await trace_leave(await sqlite_template.fresh())
    files = {each.file for each in entered}
    assert "routes/livekit.py" in files, "the trace has no start"
    assert "subscriptions/transport.py" in files, "the trace has no end"
    assert len(entered) <= FUNCTIONS_MAX, sorted(entered)
    assert len(files) <= FILES_MAX, sorted(files)
