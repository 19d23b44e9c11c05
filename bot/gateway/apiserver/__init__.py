"""The API server as the gateway talks to it, and what is known of it."""
