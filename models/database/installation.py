"""Which installation this is: what several share is told apart by it."""

import hashlib

from models.database import sql
from models.database.connection import dialect

IDENTITY = """
SELECT system_identifier || ':' || current_database() AS name FROM pg_control_system()
"""


async def installation() -> str:
    """Twelve hexadecimal digits, the same in all processes on the open database.

    A copy of it on another server or under another name is another one. On SQLite nothing is
    shared, and there is no need of a name.
    """
    if dialect() == "sqlite":
        return "0" * 12
    (row,) = await sql.query(IDENTITY)
    return hashlib.sha256(row["name"].encode()).hexdigest()[:12]
