"""Publishes an offer to a service catalog, or to the marketplace through Partner Center.

What belongs here: comparing an offer with what is published, and publishing the differences. The package itself belongs
to `managed_app/package/`.
"""
