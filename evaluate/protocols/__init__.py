"""Named protocols, one file of settings each: the file's name, with hyphens, is the name on the command line."""
