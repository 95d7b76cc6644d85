"""Opens a database, and runs transactions, locks, SQL and migrations on either kind."""
