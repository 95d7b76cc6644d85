"""Each file is one step of the story that tests/flows/operating/test_migrations.py tells."""
