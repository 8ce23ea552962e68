"""The way to Azure and Microsoft 365: signing in, the transport beneath the real clients, built-in policies.

What belongs here: what every stage needs to reach Azure. What is asked of a service belongs to the stage that asks it.
"""
