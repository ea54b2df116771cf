"""Train and sample the EMO model from a corpus of shards."""
