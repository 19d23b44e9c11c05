"""The whole product on real parts: cluster, gVisor, local Slack over Socket Mode, browser, a scripted model over the real wire format."""
