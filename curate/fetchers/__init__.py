"""How a source's bytes arrive, one file a kind: the web, object stores, and pages that yt-dlp knows."""
