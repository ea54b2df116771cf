"""Feature networks, with the key names of the published weights they load."""
