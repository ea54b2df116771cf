"""Test equipment: talking videos rendered with known truth, for the demo and for tests; curate never imports it."""
