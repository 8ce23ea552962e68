"""The offer: what a vendor sells, as one file describes it.

What belongs here: the model, reading it from TOML, and one clear line for each error in it. Everything else of the
managed application is made from the offer.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from o365_pipeline.azure.policies import policies
from o365_pipeline.customers.configuration import Guid
from o365_pipeline.customers.cron import cron_schedule
from o365_pipeline.customers.customer import NIGHTLY
from o365_pipeline.customers.data_request import DataRequest, read_data_request
from o365_pipeline.customers.regions import azure_region
from o365_pipeline.customers.written_text import UnreadableTextError, parsed
from o365_pipeline.errors import SettingsError

HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https://[^\s/?#]+[^\s]*$", max_length=2_000)]
ShortName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$")]
EmailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
SingleLine = Annotated[str, StringConstraints(min_length=3, max_length=200, pattern=r"^[^\r\n]+$")]

OWN_REGISTRY = ".azurecr.io"
"""Where Azure's registries answer: the jobs of the runs sign in there as the pipeline's identity."""

IMAGE = r"^[^\s@:]+(:\d+)?/[^\s@:]+@sha256:[0-9a-f]{64}$"
"""An image by its registry and its digest: a tag may be moved to another image, a digest never."""

MAX_HISTORY_DAYS = 396
"""Data Connect reaches back some 13 months (Microsoft: Data Connect preview documentation)."""


class Part(BaseModel):
    """A part of an offer's file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sku(Part):
    """One of the sizes that a purchaser chooses from."""

    name: ShortName = Field(description="Its id: a plan of the marketplace.", examples=["standard"])
    display_name: SingleLine = Field(examples=["Standard"])
    description: SingleLine = Field(
        description="What the purchaser gets.", examples=["30 days of history, every night"]
    )
    price_per_month: Decimal = Field(ge=0, description="The vendor's price of an installation.", examples=["500.00"])
    price_per_user_month: Decimal = Field(
        default=Decimal(0), ge=0, description="The vendor's price of each user whose data is read.", examples=["0.50"]
    )
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(default="USD", examples=["USD"])
    history_days: int = Field(
        default=7, ge=1, le=MAX_HISTORY_DAYS, description="How far back the first extraction goes.", examples=[30]
    )
    schedule: str = Field(default=NIGHTLY, description="When days are extracted: five fields of cron, UTC.")
    database: str = Field(default="GP_S_Gen5_2", description="Size of the mart's database: a service objective.")

    @field_validator("schedule")
    @classmethod
    def _schedule_is_cron(cls, cron: str) -> str:
        return cron_schedule(cron)


class Support(Part):
    """The vendor's contact for purchasers."""

    name: SingleLine = Field(examples=["Fabrikam support"])
    email: EmailAddress = Field(examples=["support@fabrikam.example"])
    url: HttpsUrl = Field(examples=["https://fabrikam.example/support"])
    phone: SingleLine | None = Field(default=None, examples=["+49 30 1234567"])


class Management(Part):
    """How the vendor reaches its installations, and where its definition in the service catalog is."""

    subscription_id: Guid = Field(description="The vendor's subscription, of the service catalog's definition.")
    resource_group: str = Field(pattern=r"^[\w.()-]{1,90}$", examples=["rg-managed-app"])
    region: str = Field(description="Where the definition lies.", examples=["westeurope"])
    tenant_id: Guid = Field(description="The vendor's Microsoft Entra tenant.")
    principal_id: Guid = Field(description="Object id of the vendor's Entra group or identity that looks after them.")
    installer_principal_id: Guid = Field(
        description="Object id of an Entra group of the vendor's, without members, with whose rights Azure installs."
    )
    lock_level: Literal["ReadOnly", "CanNotDelete", "None"] = Field(
        default="ReadOnly", description="What the purchaser may not do there."
    )
    allowed_actions: tuple[str, ...] = Field(
        default=(), description="Actions that the purchaser may do in spite of the lock."
    )
    package_storage_account: str = Field(
        pattern=r"^[a-z0-9]{3,24}$", description="The vendor's account that packages are uploaded to."
    )
    package_container: str = Field(default="packages", pattern=r"^[a-z0-9](-?[a-z0-9]){2,62}$")
    notification_endpoint: HttpsUrl = Field(
        description="Where Azure tells of installations, without the signature.",
        examples=["https://o365.fabrikam.example/notifications"],
    )

    @field_validator("notification_endpoint")
    @classmethod
    def _no_signature(cls, url: str) -> str:
        if "?" in url:
            raise ValueError("an address without a query is needed; the signature is a setting, not the offer's")
        return url.rstrip("/")


class Marketplace(Part):
    """The offer's identity in Partner Center."""

    product_external_id: ShortName = Field(description="The offer's id in Partner Center.")
    categories: tuple[str, ...] = Field(default=("analytics",), min_length=1)
    markets: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")], ...] = Field(
        default=("US",), min_length=1, description="Countries in which it is sold."
    )


class OfferFile(Part):
    """An offer as its file describes it."""

    name: ShortName = Field(description="The offer's id.", examples=["office365-insights"])
    display_name: SingleLine = Field(examples=["Office 365 insights"])
    publisher: SingleLine = Field(examples=["Fabrikam"])
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")] = Field(examples=["1.0.0"])
    summary: Annotated[str, StringConstraints(min_length=10, max_length=200, pattern=r"^[^\r\n]+$")]
    description: str = Field(min_length=10, max_length=2_000)
    terms_of_service_url: HttpsUrl
    privacy_url: HttpsUrl
    image: Annotated[str, StringConstraints(pattern=IMAGE)] = Field(
        description="The image of the pipeline, by registry and digest; everybody may pull it.",
        examples=["registry.fabrikam.example/o365-pipeline@sha256:" + 64 * "0"],
    )
    readme_url: HttpsUrl | None = Field(
        default=None,
        description="Where everybody can read the ReadMe. Default: /readme below the notification endpoint, where "
        "`managed-app listen` serves it.",
        examples=["https://fabrikam.example/office365-insights"],
    )
    data_leaves_subscription: bool = Field(
        description="Whether the application copies data out of the customer's subscription; the purchaser is told."
    )
    data_request: Path | None = Field(default=None, description="TOML file, relative to this one; else the shipped.")
    regions: tuple[str, ...] = Field(min_length=1, examples=[["westeurope", "northeurope"]])
    policies: tuple[str, ...] = Field(default=(), examples=[["infrastructure-encryption"]])
    support: Support
    skus: tuple[Sku, ...] = Field(min_length=1)
    management: Management
    marketplace: Marketplace | None = None

    @field_validator("image")
    @classmethod
    def _image_can_be_pulled_in_another_tenant(cls, image: str) -> str:
        if image.split("/")[0].endswith(OWN_REGISTRY):
            raise ValueError(
                f"a registry at {OWN_REGISTRY} is signed in to by identities of its own tenant alone, and the "
                "containers are in the purchaser's: name a registry that everybody may pull from"
            )
        return image

    @field_validator("regions")
    @classmethod
    def _regions_are_data_connects(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(azure_region(name) for name in names))

    @field_validator("policies")
    @classmethod
    def _policies_are_known(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [key for key in keys if key not in policies()]:
            raise ValueError(f"no policy {', '.join(unknown)}; there are {', '.join(policies())}")
        return tuple(dict.fromkeys(keys))

    @model_validator(mode="after")
    def _skus_are_told_apart(self) -> Self:
        names = [sku.name for sku in self.skus]
        if len(set(names)) < len(names):
            raise ValueError(f"skus: each has a name of its own, not {', '.join(names)}")
        if len({sku.currency for sku in self.skus}) > 1:
            raise ValueError("skus: all have one currency")
        return self


class Offer(OfferFile):
    """An offer with its data request; the policies are part of what the approver sees."""

    request: DataRequest

    @property
    def readme_address(self) -> str:
        """Where everybody can read the ReadMe."""
        return self.readme_url or f"{self.management.notification_endpoint}/readme"

    @property
    def has_one_plan(self) -> bool:
        """Whether a purchaser has nothing to choose, as with a plan that was bought in the marketplace."""
        return len(self.skus) == 1

    def of_plan(self, sku: Sku) -> Offer:
        """Returns what a plan of the marketplace sells: this offer with one SKU."""
        return self.model_copy(update={"skus": (sku,)})

    def sku(self, name: str) -> Sku:
        """Returns the SKU of that name.

        Raises:
            SettingsError: the offer has no such SKU; the message lists its SKUs.
        """
        for sku in self.skus:
            if sku.name == name:
                return sku
        raise SettingsError(f"{self.name} has no SKU {name!r}; it has {', '.join(sku.name for sku in self.skus)}")


def example() -> str:
    """Returns the shipped example, as TOML."""
    return (resources.files("o365_pipeline.managed_app") / "offer.example.toml").read_text(encoding="utf-8")


def schema() -> dict[str, Any]:
    """Returns the JSON schema of an offer's file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **OfferFile.model_json_schema()}


def read_offer(path: Path | None) -> Offer:
    """Reads an offer from TOML; the shipped example if there is no path.

    Raises:
        SettingsError: the file cannot be read, or something in it is missing or wrong; the message names file and
            key.
    """
    where = path or Path("offer.example.toml")
    try:
        content = parsed(path.read_text(encoding="utf-8-sig") if path else example(), tomllib.loads)
    except OSError as error:
        raise SettingsError(f"{where}: {error.strerror}; `managed-app example` prints an offer") from None
    except (UnicodeDecodeError, UnreadableTextError) as error:
        raise SettingsError(f"{where} cannot be read: {error}") from None
    try:
        file = OfferFile.model_validate(content)
    except ValidationError as error:
        raise SettingsError(f"{where}: {_first(error)}") from None
    request = read_data_request(where.parent / file.data_request if file.data_request else None)
    shown = tuple(policies()[key].display_name for key in file.policies)
    return Offer(**dict(file), request=request.model_copy(update={"policies": shown}))


def _first(error: ValidationError) -> str:
    """Describes the first error, by its place in the file."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = first["loc"]
    shown = ".".join(str(part + 1 if isinstance(part, int) else part) for part in where) or "the file"
    told = {"missing": "is missing", "extra_forbidden": "is no key of an offer"}.get(first["type"])
    return f"{shown} {told}" if told else f"{shown}: {first['msg'].removeprefix('Value error, ')}"
