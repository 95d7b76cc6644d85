"""Knows who is asking: passwords, tokens, access keys."""
