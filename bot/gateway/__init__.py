"""The recording proxy between a sandbox and the Kubernetes API. Nothing undecided is forwarded."""
