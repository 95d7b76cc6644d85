"""The clock: sweep, due work, queue, workers and safety net."""
