"""Sandboxes of kubernetes-sigs/agent-sandbox: claims, exec, proof of isolation."""
