"""What a soak looks for."""


class ViolationError(Exception):
    """Something that must hold does not; the message is one line."""
