"""The installations of an offer: notifications, onboarding, looking after them, and their end.

What belongs here: what follows once somebody has bought. What is bought belongs to `managed_app/package/`.
"""
