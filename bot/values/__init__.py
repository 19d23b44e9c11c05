"""Values that every layer shares: requests, recordings, people, the transcript. No I/O, no clocks, no third-party imports."""
