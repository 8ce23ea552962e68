"""The sandbox's tenant: a synthetic organization, and the rows that Data Connect would deliver about it.

What belongs here: people, groups, sites and their rows, or files that replace them. Delivering rows belongs to
`sandbox/microsoft365/`.
"""
