"""The one exception of this package."""


class ClusterError(Exception):
    """Something the reader of the message has to act on: one sentence that says what is wrong and what to do."""
