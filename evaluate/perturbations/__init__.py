"""Perturbations, one a file: `name(recording, level) -> Recording`, as on a video's way to its viewer."""
