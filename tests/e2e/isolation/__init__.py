"""What a sandbox cannot reach, and what the gateway does not take from it."""
