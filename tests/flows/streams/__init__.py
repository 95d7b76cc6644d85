"""Streams: every change reaches every screen that may see it, and no other."""
