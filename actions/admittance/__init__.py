"""Lets people in and keeps them out: grants, the added and the barred."""
