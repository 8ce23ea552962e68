"""The deployment: it turns the environment's settings into customers and resources.

What belongs here: the settings, and everything that is built from them. No other folder reads the environment. Using a
resource belongs to the stages.
"""

from o365_pipeline.deployment.build import SANDBOX_SIGNATURE, Deployment, load
from o365_pipeline.deployment.settings import Settings, outside_environment

__all__ = ["SANDBOX_SIGNATURE", "Deployment", "Settings", "load", "outside_environment"]
