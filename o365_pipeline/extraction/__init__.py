"""The extraction stage: it runs Data Factory, so that each window of each dataset is requested and paid for once.

What belongs here: factory definitions, runs, the extraction ledger, schedules and the landing sensor. Whether an
extraction is allowed is decided in `consent/`; the files that land belong to `raw/`.
"""
