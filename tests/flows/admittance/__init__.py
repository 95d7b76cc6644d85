"""Admittance: tokens, barring, and removal of people who lost the right."""
