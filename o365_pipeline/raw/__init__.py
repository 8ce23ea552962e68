"""Raw: what lands in the lake, as it landed, verified and sealed by a manifest."""
