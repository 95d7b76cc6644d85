"""Admits people to sessions and keeps them out: grants, added people, barred people."""
