"""Does what is due, in time or late: sweep, due work, queue, workers, safety net."""
