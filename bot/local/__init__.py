"""The product on one person's machine, without Slack: their kubeconfig, their shell, and one database for what they change."""
