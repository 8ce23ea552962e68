"""The consent stage: it reads what the approvers decided, and checks whether that allows an extraction.

What belongs here: the activity feed, the ledger of decisions, Data Connect's authorization rules, the consent sensor
and the approval asset. Runs of Data Factory belong to `extraction/`; deleting data that lost its approval belongs to
`purge/`.
"""
