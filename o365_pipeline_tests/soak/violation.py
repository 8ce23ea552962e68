"""What a soak looks for."""


class Violation(Exception):
    """Something that must hold does not; the message is one line."""
