"""The releases of an offer in the asset graph: the package, and the places where it is published.

What belongs here: the releases as Dagster sees them. A release is a materialization; its data version is the package's
digest.
"""

import hashlib
from functools import partial
from pathlib import Path

import dagster as dg

from o365_pipeline.dagster_ui.labels import VENDOR
from o365_pipeline.dagster_ui.markdown_metadata import Markdown, bullets, shown, table
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package import package as packages
from o365_pipeline.managed_app.package.package import Package
from o365_pipeline.managed_app.package.validation import validate
from o365_pipeline.managed_app.publishing.definition_changes import as_markdown
from o365_pipeline.managed_app.publishing.marketplace import FOLDER, payload
from o365_pipeline.managed_app.publishing.service_catalog import ServiceCatalog

GROUP = "managed_app"
PACKAGE = dg.AssetKey([GROUP, "package"])
SERVICE_CATALOG = dg.AssetKey([GROUP, "service_catalog"])
MARKETPLACE = dg.AssetKey([GROUP, "marketplace"])
VALID_CHECK = "package_is_valid"
COMPLETE_CHECK = "partner_center_refuses_nothing"

release_asset = partial(dg.asset, group_name=GROUP, kinds={"azure"}, owners=[VENDOR])


def managed_app_assets(offer: Offer) -> list[dg.AssetsDefinition]:
    """Builds the assets of this offer's releases; the marketplace's only if the offer is for the marketplace."""
    assets = [_package(offer), _service_catalog(offer)]
    return [*assets, _marketplace(offer)] if offer.marketplace else assets


def _package(offer: Offer) -> dg.AssetsDefinition:
    @release_asset(
        key=PACKAGE,
        code_version=offer.version,
        check_specs=[
            dg.AssetCheckSpec(
                VALID_CHECK,
                asset=PACKAGE,
                blocking=True,
                description="Azure would take the package: nothing is missing or malformed, and no secret is in it.",
            )
        ],
        description=(
            "The package that a purchaser installs: the template of what is installed, the dialog that asks for it, "
            "and how it is looked at afterwards. Made from the offer; the same offer gives the same bytes."
        ),
    )
    def package(context: dg.AssetExecutionContext, home: dg.ResourceParam[Path]) -> dg.MaterializeResult:
        with working_on(context):
            built = packages.build(offer)
            path = packages.write(built, packages.folder(home, offer))
        sizes = [(name, str(len(content))) for name, content in built.files.items()]
        return dg.MaterializeResult(
            data_version=dg.DataVersion(built.digest),
            metadata={
                "version": offer.version,
                "digest": built.digest,
                "bytes": len(built.content),
                "files": shown(table(("file", "bytes"), sizes)),
                "path": dg.MetadataValue.path(str(path)),
            },
            check_results=[_judged(built)],
        )

    return package


def _service_catalog(offer: Offer) -> dg.AssetsDefinition:
    @release_asset(
        key=SERVICE_CATALOG,
        deps=[PACKAGE],
        description=(
            "The offer's definition in the vendor's service catalog, from which it is installed. It is written where "
            "it differs from what Azure holds; installations that were made before stay as they are."
        ),
    )
    def service_catalog(
        context: dg.AssetExecutionContext, service_catalog: dg.ResourceParam[ServiceCatalog]
    ) -> dg.MaterializeResult:
        with working_on(context):
            published = service_catalog.publish(offer, packages.build(offer))
        for change in published.changes:
            context.log.info(str(change))
        return dg.MaterializeResult(
            data_version=dg.DataVersion(published.digest),
            metadata={
                "version": offer.version,
                "digest": published.digest,
                "definition_id": published.definition_id,
                "fields_changed": len(published.changes),
                "changes": shown(as_markdown(published.changes)),
            },
        )

    return service_catalog


def _marketplace(offer: Offer) -> dg.AssetsDefinition:
    @release_asset(
        key=MARKETPLACE,
        deps=[PACKAGE],
        check_specs=[
            dg.AssetCheckSpec(
                COMPLETE_CHECK, asset=MARKETPLACE, description="Texts, prices and contacts are as Partner Center asks."
            )
        ],
        description=(
            "What Partner Center is told of the offer: product, listing, plans, prices, and each plan's technical "
            "configuration. It is written to files; `managed-app publish --to marketplace --submit` fills the draft."
        ),
    )
    def marketplace(context: dg.AssetExecutionContext, home: dg.ResourceParam[Path]) -> dg.MaterializeResult:
        folder = packages.folder(home, offer) / FOLDER
        with working_on(context):
            built = packages.build_plans(offer)
            submission = payload(offer, built)
            for package in built.values():
                packages.write(package, folder)
        different = submission.write(folder)
        content = "".join(submission.files.values())
        return dg.MaterializeResult(
            data_version=dg.DataVersion(hashlib.sha256(content.encode()).hexdigest()),
            metadata={
                "version": offer.version,
                "digests": shown(bullets(f"{name}: {one.digest}" for name, one in built.items())),
                "files": shown(bullets(submission.files)),
                "files_changed": len(different),
                "resources": len(submission.request["resources"]),
                "left_to_a_person": shown(bullets(submission.by_hand)),
                "path": dg.MetadataValue.path(str(folder)),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=COMPLETE_CHECK,
                    passed=not submission.findings,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"findings": shown(bullets(submission.findings) or Markdown("none"))},
                )
            ],
        )

    return marketplace


def _judged(package: Package) -> dg.AssetCheckResult:
    problems = [str(problem) for problem in validate(package)]
    return dg.AssetCheckResult(
        check_name=VALID_CHECK,
        passed=not problems,
        metadata={"problems": shown(bullets(problems) or Markdown("none"))},
    )
