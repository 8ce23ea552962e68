"""The Office 365 Management Activity API: the feed in which consent records appear.

What belongs here: starting the subscription, listing content, fetching records, as Microsoft documents them (Office
365 Management Activity API reference). What the records mean is `approvals.py`'s.
"""

import datetime as dt
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import dagster as dg
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HeadersPolicy,
    RequestIdPolicy,
    RetryPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest, HttpResponse
from pydantic import Field

from o365_pipeline.cloud import Cloud

CONTENT_TYPE = "Audit.General"
MAX_WINDOW = dt.timedelta(hours=24)
MAX_AGE = dt.timedelta(days=7)
ALREADY_ENABLED = "AF20024"


class ActivityFeed(dg.ConfigurableResource):
    """Reads the audit records of customers' tenants."""

    cloud: dg.ResourceDependency[Cloud]
    root: str = Field(
        default="https://manage.office.com", description="The API's root; national clouds have their own."
    )

    @cached_property
    def _client(self) -> PipelineClient[HttpRequest, HttpResponse]:
        scope = f"{self.root}/.default"
        return PipelineClient(
            self.root,
            policies=[
                RequestIdPolicy(),
                HeadersPolicy({"Accept": "application/json"}),
                UserAgentPolicy(user_agent="o365-pipeline"),
                RetryPolicy(),
                BearerTokenCredentialPolicy(self.cloud.credential(), scope),
            ],
            transport=self.cloud.transport(),
        )

    def start(self, tenant_id: str) -> None:
        """Subscribe to the tenant's audit records; starting again is harmless."""
        request = HttpRequest("POST", self._url(tenant_id, "subscriptions/start"), params={"contentType": CONTENT_TYPE})
        response = self._client.send_request(request)
        if response.status_code >= 400 and ALREADY_ENABLED not in response.text():
            raise HttpResponseError(response=response)

    def records(self, tenant_id: str, start: dt.datetime, end: dt.datetime) -> Iterator[dict[str, Any]]:
        """The records whose content became available from start (inclusive) to end (exclusive).

        Args:
            tenant_id: whose audit records.
            start: UTC, at most seven days back.
            end: UTC; longer spans are asked for in windows of 24 hours.
        """
        while start < end:
            window_end = min(start + MAX_WINDOW, end)
            for uri in self._content_uris(tenant_id, start, window_end):
                yield from self._get(HttpRequest("GET", uri)).json()
            start = window_end

    def _content_uris(self, tenant_id: str, start: dt.datetime, end: dt.datetime) -> Iterator[str]:
        request = HttpRequest(
            "GET",
            self._url(tenant_id, "subscriptions/content"),
            params={"contentType": CONTENT_TYPE, "startTime": _stamp(start), "endTime": _stamp(end)},
        )
        while True:
            response = self._get(request)
            for content in response.json():
                yield content["contentUri"]
            next_page = response.headers.get("NextPageUri")
            if not next_page:
                return
            request = HttpRequest("GET", next_page)

    def _get(self, request: HttpRequest) -> HttpResponse:
        response = self._client.send_request(request)
        response.raise_for_status()
        return response

    def _url(self, tenant_id: str, path: str) -> str:
        return f"{self.root}/api/v1.0/{tenant_id}/activity/feed/{path}"


def _stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
