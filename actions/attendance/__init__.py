"""Keeps the attendance log, folds it, and tells watchers what changed."""
