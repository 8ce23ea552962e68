"""Cost: what an extraction is likely to cost before it is paid for, and what it did cost.

What belongs here: prices, assumptions, estimates and the comparison of plan and actual, for an enterprise as well as a
vendor. What a purchaser is told of them belongs to `managed_app/package/`.
"""
