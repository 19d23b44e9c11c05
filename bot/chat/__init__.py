"""The product in a terminal: the same threads, agent, gateway and changes as in Slack, with one person, who decides at the prompt."""
