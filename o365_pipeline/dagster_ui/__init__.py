"""What the Dagster UI is shown in the same way everywhere: previews, pictures, freshness, failures in one line.

What belongs here: ways to show and to judge. What is shown belongs to the stage whose asset it is.
"""
