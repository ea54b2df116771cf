"""Metrics, one file each: the file, its function and the config key share a name."""
