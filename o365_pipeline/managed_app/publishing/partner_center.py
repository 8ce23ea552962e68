"""Partner Center's Product Ingestion API: submitting a request, and waiting for its job.

What belongs here: the calls and their errors, each in one line. The submitted request belongs to `marketplace.py`.
Sources: Microsoft, Product Ingestion API for the commercial marketplace (configure requests; status of a request).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azure.core import PipelineClient
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, HeadersPolicy, RetryPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest, HttpResponse

from o365_pipeline.azure.cloud import Cloud, sign_in_failure
from o365_pipeline.errors import PublishError
from o365_pipeline.managed_app.publishing.marketplace import VERSIONS, Payload

GRAPH = "https://graph.microsoft.com"
CONFIGURE = f"{GRAPH}/rp/product-ingestion/configure"
POLL_SECONDS, POLLS = 10, 60
"""The pause between two checks of a job, and their number: a draft takes minutes."""

SHOWN_ERRORS = 3
NO_REASON = "no reason is given"


@dataclass(frozen=True)
class PartnerCenter:
    """The vendor's account in Partner Center."""

    cloud: Cloud
    sleep: Callable[[float], None] = time.sleep

    def submit(self, payload: Payload) -> str:
        """Fills the draft of the offer and waits until it is filled; publishes nothing. Returns the job's id.

        Raises:
            PublishError: Partner Center would refuse, refused or did not finish; the message says why.
        """
        if payload.findings:
            more = f", and {len(payload.findings) - 1} more" if len(payload.findings) > 1 else ""
            raise PublishError(f"Partner Center would refuse the offer: {payload.findings[0]}{more}; mend its file")
        with self._client() as client:
            job = self._answer(client, HttpRequest("POST", CONFIGURE, params=_version(), json=payload.request))
            # The documentation spells it in both ways.
            job_id = str(job.get("jobId") or job.get("jobID") or "")
            for _ in range(POLLS):
                if job.get("jobStatus") == "completed":
                    return self._result(job, job_id)
                self.sleep(POLL_SECONDS)
                job = self._answer(client, HttpRequest("GET", f"{CONFIGURE}/{job_id}/status", params=_version()))
        raise PublishError(f"Partner Center is still at work on job {job_id}; look at the offer's draft there")

    def _result(self, job: dict[str, Any], job_id: str) -> str:
        if job.get("jobResult") == "succeeded":
            return job_id
        reasons = "; ".join(_error_text(error) for error in (job.get("errors") or [])[:SHOWN_ERRORS]) or NO_REASON
        raise PublishError(f"Partner Center did not take the draft (job {job_id}, {job.get('jobResult')}): {reasons}")

    def _answer(self, client: PipelineClient[HttpRequest, HttpResponse], request: HttpRequest) -> dict[str, Any]:
        try:
            response = client.send_request(request)
            content = response.json() if response.content else {}
        except ClientAuthenticationError as error:
            raise PublishError(sign_in_failure(error)) from None
        except AzureError as error:
            raise PublishError(f"Partner Center does not answer: {' '.join(str(error).split())}") from None
        except ValueError:
            raise PublishError(f"Partner Center answered no JSON ({response.status_code}); check the proxy") from None
        if response.status_code in (401, 403):
            raise PublishError(
                f"Partner Center does not let this identity in ({response.status_code}): add the application to the "
                "account's users there, with the role Manager"
            )
        if response.status_code >= 400:
            raise PublishError(
                f"Partner Center refused ({response.status_code}): {_error_text(content.get('error') or {})}"
            )
        return content

    def _client(self) -> PipelineClient[HttpRequest, HttpResponse]:
        return PipelineClient(
            GRAPH,
            policies=[
                HeadersPolicy({"Accept": "application/json"}),
                UserAgentPolicy(user_agent="o365-pipeline"),
                RetryPolicy(retry_total=3),
                BearerTokenCredentialPolicy(self.cloud.credential(), f"{GRAPH}/.default"),
            ],
            transport=self.cloud.transport(),
        )


def _version() -> dict[str, str]:
    return {"$version": VERSIONS["configure"]}


def _error_text(error: dict[str, Any]) -> str:
    parts = (error.get("resourceId") or error.get("resourceName"), error.get("code"), error.get("message"))
    return " ".join(": ".join(str(part) for part in parts if part).split()) or NO_REASON
