"""The mart stage: it builds the star schema that analysts query, one customer's day at a time.

What belongs here: tables, views, migrations, loading, and the checks on loaded rows. Connections belong to `database/`;
the curated rows belong to `curated/`.
"""
