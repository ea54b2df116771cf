"""Curation: sources of video in, typed Parquet shards of talking-face clips out."""
