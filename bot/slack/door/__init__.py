"""The ways in and out: sockets or HTTP, signing in, and the one door to the Web API."""
