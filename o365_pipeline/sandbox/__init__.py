"""The sandbox answers as Azure and Microsoft 365 do, on a laptop: in this process and in their public wire formats.

What belongs here: the services, in `azure/` and `microsoft365/`, and the synthetic organization, in `tenant/`. No stage
imports the sandbox; `deployment/` puts it beneath the real clients.
"""
