"""The doctor: what works of all that an extraction needs, and what does not.

What belongs here: trying the stages' connections, and showing what was found in the UI. The command is in `cli/`.
"""
