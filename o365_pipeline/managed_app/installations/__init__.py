"""The installations of an offer: notifications, onboarding, monitoring, and the end of an installation.

What belongs here: what happens after a purchase. The package that is bought belongs to `managed_app/package/`.
"""
