"""The product as an MCP server: programs rehearse commands and propose changes; only people approve them, elsewhere."""
