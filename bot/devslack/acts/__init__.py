"""What people do: speak, press buttons, fill in modals, type commands. Each act is what Slack's client would send on."""
