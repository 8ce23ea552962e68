"""What Data Factory's and Data Connect's errors mean, in a plain sentence that says what to do.

What belongs here: pure functions from an error's code and message to its explanation. Data Connect publishes no list of
its messages, so an error is known by words in it; one that is not known is shown as it is. Each entry names its source:

- authorization: Microsoft, Data Connect app authorization (states of an app, what is validated at run time)
- faq, troubleshooting, policies: Microsoft, Data Connect FAQ, Troubleshoot Data Connect, Data Connect policies
- connector: Microsoft, Data Factory connector for Microsoft 365; storage: those of Blob Storage and Data Lake Gen2, and
  their troubleshooting; vault: store credentials in Azure Key Vault
- groups: microsoftgraph/dataconnect-solutions, group datasets (which users are valid)
- users' reports: OfficeDev/MS-Graph-Data-Connect, issues 58, 61 and 62
- entra, arm: Microsoft, Entra error codes; Azure Resource Manager's common errors
"""

from __future__ import annotations

import re
from typing import NamedTuple

RENEW = "have a global administrator approve it in the Microsoft 365 admin center, then extract again"


class KnownError(NamedTuple):
    """A pattern (without regard to case) that identifies an error, its meaning, and the source of the meaning."""

    words: str
    meaning: str
    source: str


KNOWN_ERRORS = (
    KnownError(
        r"aadsts7000222|client secret.{0,60}expired",
        "the application's secret has expired: make a new one in Microsoft Entra and give it to the pipeline, which "
        "deploys it with the next extraction",
        "entra",
    ),
    KnownError(
        r"aadsts7000215|invalid client secret",
        "the application's secret is wrong: give the pipeline the secret's value, not its id",
        "entra",
    ),
    KnownError(
        r"aadsts700016|aadsts90002|application.{0,80}not found in the directory",
        "Microsoft Entra does not know the application or its tenant: check application_id and application_tenant_id "
        "of the data request",
        "entra",
    ),
    KnownError(
        r"aadsts\d+|failed to get oauth token",
        "Data Connect could not sign in as the application: check its id, tenant and secret, and that its owner is a "
        "user of the tenant, not a guest",
        "entra, connector",
    ),
    KnownError(
        r"key ?vault",
        "the factory could not read the application's secret in the Key Vault: give the factory's managed identity the "
        "role Key Vault Secrets User there, and check the secret's name",
        "vault",
    ),
    KnownError(
        r"requestdisallowedbypolicy|polic(y|ies).{0,80}(complian|violat|enforc)|(complian|violat).{0,80}polic(y|ies)",
        "an Azure policy is violated: bring the resources that it names into compliance (encryption at rest and the "
        "like), as the approver was shown them, then extract again",
        "policies, arm",
    ),
    KnownError(
        r"authorizationpermissionmismatch|authorizationfailure|request is not authorized to perform this operation|"
        r"(adls ?gen2|blob).{0,200}forbidden",
        "the storage account refuses the application, as which Data Connect writes: give the application's service "
        "principal the role Storage Blob Data Contributor on it, and let the factory through its firewall",
        "storage",
    ),
    KnownError(
        r"(filesystem|container)notfound|(filesystem|container).{0,60}does not exist",
        "the storage account has no such container: create the container that the customer's settings name",
        "storage",
    ),
    KnownError(
        r"authorizationfailed",
        "the pipeline may not do this in Azure: give its identity the role Data Factory Contributor on the factory",
        "arm",
    ),
    KnownError(
        r"resourcegroupnotfound|resourcenotfound|subscriptionnotfound",
        "Azure has no such factory: check subscription_id, resource_group and factory of the customer",
        "arm",
    ),
    KnownError(
        r"consent ?pending|requesting ?consent|(consent request|request for consent) (has )?(expired|lapsed)",
        "a request for consent waits for an approver of Privileged Access Management, and lapses after 24 hours: ask "
        "the approver, then extract again",
        "faq, connector",
    ),
    KnownError(
        r"invalid requested columns|columns?.{0,80}not (been )?(consented|authorized|approved)|"
        r"subset of the authorized columns",
        "columns are asked for that the approval does not cover: take them out of the data request, or "
        "have the changed request approved",
        "authorization",
    ),
    KnownError(
        r"region.{0,80}(match|differ|support|allow)|(match|differ).{0,80}region|out ?of ?region",
        "factory, storage account and mailboxes lie in regions that do not belong together: have the factory and the "
        "storage account in an Azure region that maps to the Office region of the mailboxes",
        "troubleshooting, connector",
    ),
    KnownError(
        r"cross.?tenant|same (aad |azure ad |entra )?tenant",
        "factory, storage account and Office 365 are in different tenants: they have to be in one",
        "faq, connector",
    ),
    KnownError(
        r"(approval|authorization|consent)\b.{0,40}expired|approved is expired",
        f"the application's approval has ended, 180 days after it was given: {RENEW}",
        "authorization",
    ),
    KnownError(
        r"consent ?not ?found|no (matching )?authorization|authorization is approved|"
        r"\b(app|application|authorization)\b.{0,60}(not (been )?(approved|authorized)|denied|pending)",
        f"no approval of the application is in force for this copy: {RENEW}",
        "authorization",
    ),
    KnownError(
        r"authorization ?mismatch|(tenant|destination|sink|scope|dataset|application).{0,80}(does|do|did) not match|"
        r"approved sink|authorized scope|dataset is an authorized one|application is an authorized one|"
        r"tenant is the (registration|approved)",
        "application, tenant, dataset, destination or scope are not those that were approved: compare the data request "
        "with the approval by `o365-pipeline consent diff`, and have a change approved",
        "authorization",
    ),
    KnownError(
        r"allowedgroups|too many groups|(at most|more than|maximum|limit|exceed).{0,40}groups",
        "the scope names too many groups, or groups beside a filter: a copy takes at most 10 groups, and a filter only "
        "without groups",
        "connector",
    ),
    KnownError(
        r"none of the users requested were valid|no (valid )?(users|mailbox)|mailbox.{0,60}not (found|exist|enabled)",
        "nobody in the scope can be extracted: people need an enabled account with a license and a mailbox in Exchange "
        "Online that is neither on-premises, inactive nor deleted",
        "groups, users' reports",
    ),
    KnownError(
        r"group expansion failed|groups?\b.{0,60}(not found|does not exist)",
        "the members of the scope's groups were not found: check the groups' object ids, and that members have enabled "
        "accounts with a license and a mailbox in Exchange Online",
        "groups, users' reports",
    ),
    KnownError(
        r"lockbox|\blicenses?\b",
        "the tenant's licenses or its Customer Lockbox stand in the way: ask the tenant's administrator",
        "users' reports",
    ),
    KnownError(
        r"usererroroffice365dataloadererror",
        "Data Connect refused the copy and gives no reason that is known: look at approval, licenses and regions, then "
        "ask Microsoft, with the id of the run",
        "users' reports",
    ),
)
"""The first that matches counts, so codes come before words."""

_PATTERNS = tuple((re.compile(known.words, re.IGNORECASE | re.DOTALL), known.meaning) for known in KNOWN_ERRORS)


def explanation(code: str, message: str) -> str | None:
    """Returns what the error means and what to do, or None if it is not known."""
    text = f"{code} {message}"
    return next((meaning for pattern, meaning in _PATTERNS if pattern.search(text)), None)


def explained_error(code: str, message: str) -> str | None:
    """Returns one line: the explanation if there is one, and the error's own code and message; None if there is no
    error.
    """
    original = " ".join(f"{code} {message}".split())
    if not original:
        return None
    meaning = explanation(code, message)
    return f"{meaning}. Data Factory says: {original}" if meaning else original
