"""Threads, their inbox and transcript, and the worker that moves them on. Never imports an adapter."""
