"""What all stages show in the Dagster UI in the same way: previews, pictures, freshness, errors in one line.

What belongs here: ways to show and judge values. The values belong to the stage whose asset shows them.
"""
