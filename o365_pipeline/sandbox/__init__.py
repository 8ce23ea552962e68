"""Azure Data Factory and Microsoft 365 on a laptop: their public wire formats, answered in this process."""
