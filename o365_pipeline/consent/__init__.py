"""Consent: what was asked of a customer's approvers, what they said, and whether that allows an extraction."""
