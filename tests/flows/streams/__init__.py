"""Pushes every change to every screen, to those only who may see it."""
