"""The tests; a package, since some libraries install one of the same name, which would be found before a folder."""
