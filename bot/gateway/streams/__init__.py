"""Answers what opens a stream into the cluster: exec, attach, port-forward, proxy."""
