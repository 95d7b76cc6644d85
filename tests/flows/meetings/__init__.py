"""Meetings and their rooms: made and ended, and the gate before them."""
