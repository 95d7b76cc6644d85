"""Identity: signing in and staying signed in."""
