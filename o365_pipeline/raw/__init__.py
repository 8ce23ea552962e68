"""The raw stage: it keeps the files that Data Factory delivered, as they landed, verifies them and seals them with a
manifest.

What belongs here: the lake, landings, manifests, reading JSON Lines, and the comparison with Microsoft's row counts.
Types and keys belong to `curated/`.
"""
