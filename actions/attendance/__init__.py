"""Keeps the attendance log, folds it, and tells what changed."""
