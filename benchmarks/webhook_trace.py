"""Print the functions and files that a webhook enters on its way to a screen, on SQLite.

.venv/bin/python -m benchmarks.webhook_trace [--names]
"""

import asyncio
import sys
import tempfile
from collections import defaultdict
from pathlib import PurePosixPath

import tests.support.environment  # noqa: F401 - first: the settings read it
from models.database.migration_runner import migrate
from tests.support.tracing import Entered, trace_leave


async def trace() -> set[Entered]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/halaqa.db"
        await migrate(url)
        return await trace_leave(url)


def main() -> None:
    entered = asyncio.run(trace())
    folders: dict[str, list[Entered]] = defaultdict(list)
    for each in sorted(entered):
        folders[str(PurePosixPath(each.file).parent)].append(each)
    for folder, functions in sorted(folders.items()):
        files = {each.file for each in functions}
        print(f"{folder:24} {len(functions):4} functions {len(files):3} files")  # noqa: T201
        for each in functions if "--names" in sys.argv else ():
            print(f"    {each.file}: {each.name}")  # noqa: T201
    files = {each.file for each in entered}
    print(f"{'all':24} {len(entered):4} functions {len(files):3} files")  # noqa: T201


if __name__ == "__main__":
    main()
