"""Checking Block Kit against Slack's limits. Pure: values in, complaints out."""
