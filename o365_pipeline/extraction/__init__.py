"""Extraction: Data Factory's definitions and runs, each window of each dataset asked for and paid for once."""
