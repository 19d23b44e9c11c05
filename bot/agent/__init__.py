"""One turn: what to do next, what the model sees, how output is bounded. Never talks to Slack or Kubernetes."""
