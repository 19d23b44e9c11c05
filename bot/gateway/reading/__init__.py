"""Answers reads."""
