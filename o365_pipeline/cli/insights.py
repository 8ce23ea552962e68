"""The command `o365-pipeline insights`, which serves the web application for the people of the organization.

What belongs here: who may be let in by whom, and serving. The pages belong to `insights/`.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import click
from starlette.applications import Starlette

from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import SettingsError
from o365_pipeline.insights.charts import load_library
from o365_pipeline.insights.pages import insights_app
from o365_pipeline.insights.viewers import ContainerAppsSignIn, SandboxSwitch, SignIn
from o365_pipeline.mart.marts import Marts
from o365_pipeline.web import server as web_server


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3003, show_default=True, help="Where it listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address it listens on.")
def insights(port: int, host: str) -> None:
    """Serve the web application for the people of the organization: pictures and answers from the mart.

    It reads the mart and writes nothing. On Azure somebody signs in (O365_INSIGHTS_SIGN_IN); in the sandbox you choose
    who you are. Ctrl-C ends it.
    """
    deployment = load()
    app = insights_of(deployment)
    threading.Thread(target=load_library, daemon=True).start()
    # Behind a sign-in the application is known by the name of the proxy, and believes nobody for where they sit.
    names = None if deployment.insights_sign_in == "container-apps" else ()
    web_server.serve(app, host, port, lambda address: click.echo(f"Insights: {address} (Ctrl-C ends it)"), names=names)


def insights_of(deployment: Deployment) -> Starlette:
    """Builds the application over a deployment's marts.

    Raises:
        SettingsError: nobody would have to sign in although there is real data.
    """
    return insights_app(_marts(deployment), deployment.customers, _sign_in(deployment))


def _sign_in(deployment: Deployment) -> SignIn:
    everybody = deployment.insights_relations == "everybody"
    if deployment.insights_sign_in == "container-apps":
        return ContainerAppsSignIn(deployment.customers, deployment.insights_analysts, everybody)
    if not deployment.is_sandbox:
        raise SettingsError(
            "O365_INSIGHTS_SIGN_IN=none is for the sandbox alone: put the application behind a sign-in, and say so by "
            "O365_INSIGHTS_SIGN_IN=container-apps"
        )
    return SandboxSwitch(deployment.customers, everybody)


def _marts(deployment: Deployment) -> Marts:
    """Returns the marts as they are: on Azure the application may have a reader's rights, and upgrades no schema."""
    if deployment.is_sandbox:
        return deployment.marts
    own = {name: replace(database, prepare=None) for name, database in deployment.own_marts.items()}
    return Marts(replace(deployment.database, prepare=None), own)
