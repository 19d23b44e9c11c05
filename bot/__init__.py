"""kubectl-ai for Slack: every command is rehearsed before it is real."""
