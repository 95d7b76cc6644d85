"""Answers documents: over HTTP, within limits, to each role what it may see."""
