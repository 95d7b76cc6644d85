"""Open a database, and run transactions, locks, SQL and migrations on SQLite and PostgreSQL."""
