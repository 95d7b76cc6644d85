"""Schedules, changes, cancels and keeps open sessions."""
