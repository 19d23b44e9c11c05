"""MCP servers as the bot uses them: connections, the tools they offer, what a call comes to."""
