"""The SQL database beneath the mart and the ledger: connections, retries, what servers differ in, the ledger's tables.

What belongs here: everything about a database that does not depend on the mart's tables. Those belong to `mart/`.
"""
