"""Known errors are explained, unknown ones shown as they are."""

from __future__ import annotations

import re

import pytest

from o365_pipeline.extraction.factory_errors import KNOWN_ERRORS, explained_error, explanation
from o365_pipeline.sandbox.azure.factory_faults import CopyError

WRAPPED = (
    "ErrorCode=UserErrorOffice365DataLoaderError,'Type=Microsoft.DataTransfer.Common.Shared.HybridDeliveryException,"
    "Message=Office365 data loading failed to execute. {},Source=Microsoft.DataTransfer.ClientLibrary,'"
)


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("The consent request expired after 24 hours", "lapses after 24 hours"),
        ("Copy stays in ConsentPending", "approver of Privileged Access Management"),
        ("Invalid requested columns. The following requested columns were not consented to", "columns are asked for"),
        ("The app authorization has expired.", "180 days"),
        ("ConsentNotFound", "no approval of the application is in force"),
        ("The app 1234 was denied by the tenant's administrator", "no approval of the application is in force"),
        ("The destination does not match the app's destination sink", "consent diff"),
        ("AuthorizationMismatch", "consent diff"),
        ("The Azure region westus does not match the Office region EUR", "maps to the Office region"),
        ("The resource is not compliant: policy assignment encryption-at-rest", "Azure policy is violated"),
        ("Policy compliance violation of the managed application", "Azure policy is violated"),
        ("allowedGroups takes at most 10 groups, not 11", "at most 10 groups"),
        ("None of the users requested were valid. Ensure the users have a valid license", "nobody in the scope"),
        ("Group Expansion Failed. Please contact us for support.", "members of the scope's groups"),
        ("Office365 data loading failed to get OAuth token", "could not sign in as the application"),
        ("AADSTS7000222: The provided client secret keys are expired", "secret has expired: make a new one"),
        ("AADSTS7000215: Invalid client secret provided", "secret is wrong"),
        ("AADSTS700016: Application was not found in the directory", "does not know the application"),
        ("ADLS Gen2 operation failed for: Operation returned an invalid status code 'Forbidden'", "storage account"),
        ("This request is not authorized to perform this operation using this permission.", "Storage Blob Data"),
        ("Failed to get the secret from key vault, secretName: app", "Key Vault Secrets User"),
        ("Both must be in the same AAD tenant", "have to be in one"),
        ("Customer Lockbox is enabled", "Customer Lockbox"),
        ("Failed to extract data from Office 365 for Tenant x", "gives no reason that is known"),
    ],
)
def test_a_copys_error_is_explained_and_its_own_words_stay(message: str, meaning: str) -> None:
    told = explained_error("2200", WRAPPED.format(message))

    assert told
    assert meaning in told
    assert told.endswith(f"Data Factory says: 2200 {WRAPPED.format(message)}")


@pytest.mark.parametrize("error", CopyError)
def test_every_error_of_the_sandbox_has_a_meaning_of_its_own(error: CopyError) -> None:
    vague = explanation("", "UserErrorOffice365DataLoaderError")

    assert explanation("2200", error.message) not in (None, vague)


@pytest.mark.parametrize(
    ("code", "message", "meaning"),
    [
        ("AuthorizationFailed", "The client does not have authorization to perform action", "Data Factory Contributor"),
        ("ResourceGroupNotFound", "Resource group 'rg' could not be found.", "no such factory"),
        ("RequestDisallowedByPolicy", "Resource 'x' was disallowed by policy.", "Azure policy is violated"),
    ],
)
def test_azures_own_refusals_are_explained(code: str, message: str, meaning: str) -> None:
    assert meaning in (explanation(code, message) or "")


def test_an_unknown_error_is_shown_as_it_is_in_one_line() -> None:
    assert explained_error("2100", "Something\n  else went wrong") == "2100 Something else went wrong"
    assert explained_error("", "") is None


def test_every_entry_says_what_to_do_and_names_its_source() -> None:
    for known in KNOWN_ERRORS:
        re.compile(known.words)
        assert re.search(r"[:,] |have", known.meaning)
        assert not known.meaning.endswith(".")
        assert known.source
