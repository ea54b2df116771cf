"""Frame features for set distances, one file each: the file, its function and the config key share a name."""
