"""`kubectl-ai-slack demo`: the whole product on one machine – a real cluster, a local Slack, the bot, a broken shop to look at."""
