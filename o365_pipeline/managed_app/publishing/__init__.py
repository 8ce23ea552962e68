"""Publishing an offer: to a service catalog, or to the marketplace through Partner Center.

What belongs here: comparing with what is published, and publishing what differs. The package itself belongs to
`managed_app/package/`.
"""
