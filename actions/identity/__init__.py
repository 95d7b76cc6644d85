"""Identity: passwords, tokens and access keys tell who the viewer is."""
