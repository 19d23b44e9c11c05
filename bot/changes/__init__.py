"""A change: recorded writes that wait for people, its diff, who may decide, its replay. No I/O of its own: ports only."""
