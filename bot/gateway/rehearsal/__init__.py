"""What one rehearsal is and did: its recording, its overlay, when it ends."""
