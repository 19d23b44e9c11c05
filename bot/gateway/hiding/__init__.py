"""What a client may not see of a Secret, and may not find out by asking. Pure."""
