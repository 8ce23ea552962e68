"""The sandbox's Microsoft 365: the admin center, the approver's page, the activity feed, Data Connect.

What belongs here: answers of Microsoft 365. The organization whose data it holds belongs to `sandbox/tenant/`.
"""
