"""The mart: the star schema that analysts query, built from one customer's day of curated datasets."""
