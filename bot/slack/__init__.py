"""The Slack surface: listeners, cards, sender, people. Knows nothing of Kubernetes clients."""
