"""Rows as Slack's blocks and texts. Pure."""
