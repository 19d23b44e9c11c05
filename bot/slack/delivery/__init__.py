"""Makes Slack show what is to be shown, whatever gets lost on the way."""
