"""Detectors, one a file: `name(observation) -> probability` that a video is synthetic, or an Abstention."""
