"""Customers: who they are, what they ask for, the file that configures them, their regions and partitions.

What belongs here: what is known of a customer before anything is asked of Microsoft. Whether a request was approved
belongs to `consent/`.
"""
