"""The installations of an offer, as the vendor sees them through Azure Resource Manager: who runs what.

What belongs here: what happens at the vendor after a purchase. The package that is bought belongs to
`managed_app/package/`; what is installed looks after itself.
"""
