"""The name of this installation, which keeps its data apart on servers that several share."""

import hashlib

from models.database import sql
from models.database.connection import dialect

IDENTITY = """
SELECT system_identifier || ':' || current_database() AS name FROM pg_control_system()
"""


async def installation() -> str:
    """Return twelve hexadecimal digits, the same in all processes on the open database.

    A copy of the database on another server or under another name has another name. SQLite's is
    all zeros: an installation on SQLite shares no server.
    """
    if dialect() == "sqlite":
        return "0" * 12
    (row,) = await sql.query(IDENTITY)
    return hashlib.sha256(row["name"].encode()).hexdigest()[:12]
