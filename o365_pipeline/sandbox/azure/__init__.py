"""The sandbox's Azure: Resource Manager, Data Factory, managed applications, Key Vault, policies and Entra.

What belongs here: answers of Azure's services in their public wire formats. Rows belong to `sandbox/tenant/`.
"""
