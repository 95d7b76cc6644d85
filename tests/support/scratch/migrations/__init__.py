"""Each file is one step of the story that tests/flows/test_migrations.py tells."""
