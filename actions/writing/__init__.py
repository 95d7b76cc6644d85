"""The pen: locks a session, drafts what is to happen to it, and writes it in one transaction."""
