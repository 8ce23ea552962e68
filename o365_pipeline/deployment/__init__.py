"""The deployment: the environment's settings turned into customers and resources.

What belongs here: which settings there are, and what is built of them. No other folder reads the environment. What a
stage does with its resource belongs to the stage.
"""

from o365_pipeline.deployment.build import SANDBOX_SIGNATURE, Deployment, load
from o365_pipeline.deployment.settings import Settings

__all__ = ["SANDBOX_SIGNATURE", "Deployment", "Settings", "load"]
