"""The commands about an offer: building and checking its package, publishing it, and playing its purchasers.

What belongs here: reading arguments and printing, for the groups `managed-app` and `sandbox`. The work belongs to
`managed_app/` and `sandbox/`.
"""
