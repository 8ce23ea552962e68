"""Azure Data Factory and Microsoft 365 on a laptop: the public wire formats, answered in this process, with synthetic people."""
