"""A sign-in for stand-ins that look at no token.

What belongs here: that credential. The sandbox, which does look at tokens, has one of its own.
"""

from __future__ import annotations

import time

from azure.core.credentials import AccessToken, AccessTokenInfo


class AnyToken:
    """Signs in with a token that nobody checks."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("any", int(time.time()) + 3_600)

    def get_token_info(self, *_scopes: str, **_options: object) -> AccessTokenInfo:
        return AccessTokenInfo("any", int(time.time()) + 3_600)
