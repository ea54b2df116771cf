"""Measures of a generated video against the real one of the same stem, one file each."""
