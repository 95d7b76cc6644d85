#!/usr/bin/env bash
# graphql-core 3.3.2: a subscription keeps memory for each event that it has executed.
#
# Guess: an event's executor is thrown away with the event, so a long subscription stays as large
# as it was after its first events.
# Seen: `build_per_event_executor` makes a shallow copy, so all events of a subscription share one
# memo of collected sub-fields. Its keys are the identities of lists that are made anew for each
# event, and it keeps those lists alive: nothing is found again, and nothing is dropped. Here it
# has as many entries as events have objects with sub-fields.
# Meets us: a watcher's presence runs for hours; execution/events.py gives each event a memo.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check graphql-core==3.3.2
venv/bin/python - <<'PYTHON' | tee seen
import asyncio
from graphql import build_schema, parse, subscribe
from graphql.execution import Executor

schema = build_schema("""
type Query { ping: String }
type Row { id: ID }
type Roster { rows: [Row] }
type Subscription { roster: Roster }
""")
executors = []
build = Executor.build_per_event_executor

def noting(self, payload):
    executors[:] = [build(self, payload)]
    return executors[0]

Executor.build_per_event_executor = noting

async def source(events):
    for _ in range(events):
        yield {"roster": {"rows": [{"id": "1"}, {"id": "2"}]}}

async def entries(events):
    schema.subscription_type.fields["roster"].subscribe = lambda *_: source(events)
    document = parse("subscription { roster { rows { id } } }")
    results = subscribe(schema, document)
    if asyncio.iscoroutine(results):
        results = await results
    async for result in results:
        assert result.errors is None, result.errors
    return len(executors[0]._relevant_sub_fields)

for events in (1, 10, 1000):
    print(events, "events:", asyncio.run(entries(events)), "entries")
PYTHON
diff seen - <<'SEEN'
1 events: 2 entries
10 events: 20 entries
1000 events: 2000 entries
SEEN
echo "as described"
