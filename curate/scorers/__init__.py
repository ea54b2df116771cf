"""Per-clip scorers, one file each: `name(media, **options) -> float | dict[str, float]`."""
