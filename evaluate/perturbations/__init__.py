"""Perturbations, one a file: `name(recording, severity) -> Recording`, what happens to a video on its way to a viewer."""
