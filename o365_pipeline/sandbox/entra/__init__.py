"""The sandbox's Microsoft Entra: tenants with their applications and identities, what they were granted, and tokens.

What belongs here: who gets which token. What a token opens is decided by each service, beside its routes.
"""
