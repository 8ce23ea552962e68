"""Customers: who they are, what data they request, the file that configures them, their regions and partitions.

What belongs here: what is known about a customer before Microsoft is asked anything. Whether a request was approved
belongs to `consent/`.
"""
