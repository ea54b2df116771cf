"""How well detectors tell generated videos from real ones: what is scored, under which conditions, and what it says."""
