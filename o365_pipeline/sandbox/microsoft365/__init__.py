"""The sandbox's Microsoft 365: the admin center, the approver's page, the activity feed and Data Connect.

What belongs here: answers of Microsoft 365's services. The organization and its data belong to `sandbox/tenant/`.
"""
