"""Connections to Kubernetes API servers, shared by gateway and sandbox."""
