"""Shows the deployment's objects as resources in the UI: their class and a sentence, without a value.

What belongs here: turning an object into a resource. The objects belong to `deployment/`.
"""

from __future__ import annotations

import dagster as dg


def described(value: object, description: str) -> dg.ResourceDefinition:
    """Makes a resource of this object; it has no configuration, since the UI would show passwords there."""

    def given(_context: dg.InitResourceContext) -> object:
        return value

    # The UI shows a resource's type by its function's module and name.
    given.__module__, given.__name__ = type(value).__module__, type(value).__name__
    return dg.ResourceDefinition(given, config_schema={}, description=description)
