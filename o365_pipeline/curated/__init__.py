"""The curated stage: it turns landed JSON Lines into typed, deduplicated Parquet, and puts unreadable rows into
quarantine.

What belongs here: types, keys, privacy rules, quarantine, and the current state of datasets that deliver changes. Files
as they landed belong to `raw/`; facts and dimensions belong to `mart/`.
"""
