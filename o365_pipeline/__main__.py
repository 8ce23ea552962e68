"""Makes `python -m o365_pipeline ...` the same as `o365-pipeline ...`; nothing else belongs here."""

from o365_pipeline.cli.main import main

main()
