"""Answers questions: what is read for somebody, in few statements."""
