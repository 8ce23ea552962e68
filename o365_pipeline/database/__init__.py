"""The SQL database beneath mart and ledger: connections, retries, differences between servers, and the ledger's tables.

What belongs here: everything about a database that does not depend on the mart's tables. Those belong to `mart/`.
"""
