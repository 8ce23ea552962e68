"""Accountability: one page for auditors and approvers, of what was asked, approved, moved, deleted, and is held.

What belongs here: collecting that from the ledger, the lake and the mart, and the page. It reads all stages and changes
nothing; who approves, extracts and deletes belongs to them.
"""
