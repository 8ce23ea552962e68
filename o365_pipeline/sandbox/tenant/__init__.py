"""The sandbox's tenant: a synthetic organization and the rows that Data Connect would deliver of it.

What belongs here: people, groups, sites and their rows, or files that stand in for them. How they are delivered belongs
to `sandbox/microsoft365/`.
"""
