"""Scores generated talking-head videos against real ones: set distances, per-clip numbers, one report."""
