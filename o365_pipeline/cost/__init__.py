"""Cost: what an extraction is likely to cost before it is paid for, and what it cost in the end.

What belongs here: prices, assumptions, estimates, and the comparison of plan and actual, for an enterprise and for a
vendor. Texts for purchasers belong to `managed_app/package/`.
"""
