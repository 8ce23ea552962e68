"""The connection to Azure and Microsoft 365: signing in, the transport beneath the SDK clients, and built-in policies.

What belongs here: what every stage needs to reach Azure. Calls to a service belong to the stage that makes them.
"""
