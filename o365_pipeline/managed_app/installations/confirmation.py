"""Takes in Azure's notifications of installations: each is believed once Azure shows the same of the application.

What belongs here: the order of the steps; `applications.py` makes the call. Every step can be repeated: a notification
is settled only after what follows from it is written, so the next tick completes what an interrupted tick began.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import installation as table
from o365_pipeline.database.ledger import naive_utc, truncated
from o365_pipeline.errors import InstallationError, O365PipelineError
from o365_pipeline.managed_app.installations import installations, notifications
from o365_pipeline.managed_app.installations.applications import Application, Applications, MissingApplication
from o365_pipeline.managed_app.installations.installations import Installation
from o365_pipeline.managed_app.installations.notifications import (
    DELETED,
    DELETING,
    FAILED,
    SUCCEEDED,
    Notification,
    Received,
)
from o365_pipeline.managed_app.offer import Offer

MAX_APPLICATIONS = 25
"""How many applications one tick asks Azure about at most; the rest follows in the next tick."""

TICK_SECONDS = 30.0
"""After this time a tick asks Azure about no further application, since Dagster gives a tick one minute."""

CONFIRMED_WITHIN = dt.timedelta(hours=1)
"""How long Azure is asked again about a notification that it does not confirm."""


@dataclass(frozen=True)
class Confirmation:
    """One tick."""

    database: Database
    offer: Offer
    applications: Applications
    now: dt.datetime
    log: logging.Logger

    def run(self) -> list[str]:
        """Handles the notifications of some applications; returns the names of the installations that changed."""
        changed: list[str] = []
        deadline = time.monotonic() + TICK_SECONDS
        for received in notifications.pending(self.database, MAX_APPLICATIONS).values():
            try:
                done = self._of_application(received)
            except O365PipelineError as error:
                self._failed(received, error)
            else:
                changed += [done] if done else []
            if time.monotonic() > deadline:
                break
        return changed

    def _of_application(self, received: Sequence[Received]) -> str | None:
        """Applies the newest notification that Azure confirms; returns the name of the installation if it changed."""
        known = installations.of_application(self.database, received[0].notification.key)
        newest_first = sorted(received, key=lambda entry: entry.notification.order, reverse=True)
        news = [entry for entry in newest_first if known is None or advances(known, entry.notification)]
        self._settle([entry for entry in newest_first if entry not in news], "older than what is known")
        if not news:
            return None
        found = self.applications.get(news[0].notification.resource_id)
        if isinstance(found, Application) and not self._is_ours(found):
            self._settle(news, "not taken in: Azure shows an application of another offer")
            return None
        confirmed = next((entry for entry in news if _confirms(found, entry.notification, known)), None)
        if confirmed is None:
            self._unconfirmed(news, found)
            return None
        place = news.index(confirmed)
        self._unconfirmed(news[:place], found)
        changed = self._apply(confirmed.notification, found, known)
        self._settle([confirmed], "taken in" if changed else "nothing is known of such an installation")
        self._settle(news[place + 1 :], "older than what is known")
        return changed

    def _is_ours(self, found: Application) -> bool:
        return notifications.is_of(self.offer, found.definition_id, found.plan.get("product"))

    def _apply(
        self, notification: Notification, found: Application | MissingApplication, known: Installation | None
    ) -> str | None:
        if isinstance(found, MissingApplication):
            return self._end(known, notification) if known else None
        changed = self._state(notification, found, known)
        installations.save(self.database, changed)
        if changed.state == SUCCEEDED:
            installations.save(self.database, self._installed(changed, found))
        self.log.info(f"{changed.name}: the installation is {changed.state}")
        return changed.name

    def _state(self, notification: Notification, found: Application, known: Installation | None) -> Installation:
        """Returns what is known of the installation, with its newest state."""
        begun = known and known.state != DELETED
        fresh = known if known and begun else Installation(notification.key, found.resource_id, "", self.now)
        error = notification.error if notification.provisioning_state == FAILED else None
        return replace(
            fresh,
            state=notification.provisioning_state,
            event_at=self._when(notification),
            definition=found.definition_id or "/".join(found.plan.get(part, "") for part in ("product", "name")),
            version=found.plan.get("version") or fresh.version,
            error_code=truncated(error.code, table.c.error_code) if error else fresh.error_code,
            error_message=truncated(error.message, table.c.error_message) if error else fresh.error_message,
        )

    def _installed(self, known: Installation, found: Application) -> Installation:
        """Returns what is known of an installation that stands: where its factory is, and what was bought.

        The plan that the marketplace bills takes precedence over what the outputs say.
        """
        outputs, plan = found.read_outputs(), found.plan.get("name")
        return replace(
            known,
            region=outputs.region,
            factory=outputs.factory,
            version=outputs.package_version,
            sku=plan if plan in {sku.name for sku in self.offer.skus} else outputs.sku,
            resource_group=found.managed_resource_group,
            installed_at=known.installed_at or known.event_at,
            error_code=None,
            error_message=None,
        )

    def _end(self, known: Installation, notification: Notification) -> str:
        """Records that the installation is gone; what was installed is gone with its resource group."""
        at = self._when(notification)
        installations.save(self.database, replace(known, state=DELETED, event_at=at, deleted_at=at))
        self.log.info(f"{known.name}: the installation is {DELETED}")
        return known.name

    def _when(self, notification: Notification) -> dt.datetime:
        """Returns the time of the event. A time in the future counts as now, otherwise no later event could follow."""
        return min(naive_utc(notification.event_time), naive_utc(self.now))

    def _unconfirmed(self, received: Sequence[Received], found: Application | MissingApplication) -> None:
        """Keeps a notification open for a while if Azure does not confirm it, since Azure may show the change later."""
        shown = f"Azure shows {found.state}" if isinstance(found, Application) else "Azure shows no such application"
        if isinstance(found, MissingApplication) and not found.is_certain:
            shown = "Azure does not let the vendor's identity see the application"
        for entry in received:
            if self.now - entry.received_at < CONFIRMED_WITHIN:
                self._wait([entry], f"not confirmed yet: {shown}")
            else:
                self.log.warning(f"{entry.notification.key}: {entry.notification.what} is not confirmed: {shown}")
                self._settle([entry], f"not confirmed: {shown}")
                if entry.notification.provisioning_state == DELETED:
                    # It may be gone, and nothing here can tell: whoever looks at the table finds out and decides.
                    told_of = {"error_code": "NotConfirmed", "error_message": f"Azure told {DELETED}, but {shown}"}
                    installations.update(self.database, entry.notification.key, **told_of)

    def _failed(self, received: Sequence[Received], error: O365PipelineError) -> None:
        """Records the error; the next tick tries again."""
        key = received[0].notification.key
        code = error.code if isinstance(error, InstallationError) else type(error).__name__
        message = notifications.without_addresses(str(error))
        self.log.error(f"{key}: {code}: {message}")
        installations.update(
            self.database,
            key,
            error_code=truncated(code, table.c.error_code),
            error_message=truncated(message, table.c.error_message),
        )
        self._wait(received, f"{code}: {message}")

    def _settle(self, received: Sequence[Received], outcome: str) -> None:
        notifications.mark_settled(self.database, [entry.notification for entry in received], outcome, self.now)

    def _wait(self, received: Sequence[Received], outcome: str) -> None:
        notifications.retry_later(self.database, [entry.notification for entry in received], outcome, self.now)


def advances(known: Installation, notification: Notification) -> bool:
    """Tells whether a notification is news: a later one is, but after a deletion only a PUT is."""
    at = naive_utc(notification.event_time)
    if known.state == DELETED:
        return notification.event_type == "PUT" and at > known.event_at
    return at >= known.event_at


def _confirms(found: Application | MissingApplication, notification: Notification, known: Installation | None) -> bool:
    """Tells whether Azure shows what a notification reports."""
    if isinstance(found, Application):
        return found.state == notification.provisioning_state
    # What is gone may be forbidden rather than not found: that is taken for an end where its beginning was seen.
    was_ending = known is not None and known.state == DELETING
    return notification.provisioning_state == DELETED and (found.is_certain or was_ending)
