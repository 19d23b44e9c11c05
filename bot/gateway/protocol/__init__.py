"""What the Kubernetes API's requests and bodies mean. Pure: knows no rehearsal and no server."""
