"""Adapters to model services, and the scripted model that speaks the same wire format."""
