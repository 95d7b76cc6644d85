"""Schedules sessions and changes them."""
