"""How strong a secret has to be that nobody may guess: a salt, a signature.

What belongs here: the rule. Where a secret is read from belongs to whoever reads it.
"""

from __future__ import annotations

LEAST_CHARACTERS = 32
"""Whoever has hashes of addresses can try shorter salts; and anybody can reach the endpoint of notifications, of which
only the signature proves that it is Azure who calls.
"""

WEAK = f"at least {LEAST_CHARACTERS} characters are needed, such as `openssl rand -hex 32` prints"


def is_weak(secret: str) -> bool:
    """Tells whether a secret can be guessed."""
    return len(secret) < LEAST_CHARACTERS
