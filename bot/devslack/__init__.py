"""A local Slack: Web API, Socket Mode and a page to be a person in, in one aiohttp application on loopback.

It is for trying the bot and for its tests. It knows nothing of the bot: an unmodified Slack app talks to it when
`SLACK_API_URL` names it. It never serves anything but a loopback address, because everybody who can reach it can be
anybody.
"""
