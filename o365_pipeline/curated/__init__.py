"""Curated: landed JSON Lines made into typed, deduplicated Parquet, what does not fit kept aside with a reason."""
