#!/usr/bin/env bash
# uvloop 0.23.0: the loop's clock counts whole milliseconds.
#
# Guess: `loop.time()` is `time.monotonic()`, as with asyncio's own loop, and grows at each reading.
# Seen: uvloop gives libuv's time, in whole milliseconds: what is answered within the millisecond of
# the question has the same time, so "later than" is not true of most answers on the same machine.
# Meets us: a socket's pulse compares when a client was heard with when it was pinged: "at or after".
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uvloop==0.23.0
venv/bin/python - <<'PYTHON' | tee seen
import asyncio

import uvloop

async def look():
    loop = asyncio.get_running_loop()
    readings = []
    for _ in range(50):
        readings.append(loop.time())
        await asyncio.sleep(0.0013)
    is_whole = all(abs(one * 1000 - round(one * 1000)) < 1e-3 for one in readings)
    times = {loop.time() for _ in range(1000)}
    print("whole milliseconds:", is_whole, "| mostly the same at once:", len(times) < 100)

for name, factory in (("asyncio", asyncio.new_event_loop), ("uvloop", uvloop.new_event_loop)):
    loop = factory()
    print(name, end=" ", flush=True)
    loop.run_until_complete(look())
    loop.close()
PYTHON
diff seen - <<'SEEN'
asyncio whole milliseconds: False | mostly the same at once: False
uvloop whole milliseconds: True | mostly the same at once: True
SEEN
echo "as described"
