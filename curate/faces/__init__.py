"""Face detectors, one file each: `name(image, **options) -> Detections`."""
