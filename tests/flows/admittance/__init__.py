"""Lets people in, keeps them out, and puts out who lost the right."""
