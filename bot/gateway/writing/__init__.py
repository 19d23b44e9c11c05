"""Answers writes: a dry run, a recording, and an answer as if it had happened."""
