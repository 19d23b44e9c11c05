"""A real one-node Kubernetes for the tests and the demo: ``python3 -m tests.cluster build``, then ``up``.

Every program is built from Go modules into a cache outside the tree and runs as a plain process of this machine, so
neither a container engine nor an image registry is needed. Standard library only: it runs before any virtual
environment exists. It is for trying and testing; it is not a way to run Kubernetes.
"""
