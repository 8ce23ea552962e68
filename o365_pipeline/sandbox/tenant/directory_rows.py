"""People in the directory and in their mailboxes' settings: the rows of User, Manager, DirectReport, MailboxSettings.

What belongs here: columns. The people themselves belong to `organization.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import (
    NEVER,
    Columns,
    Window,
    constant,
    date_time_zone,
    enum,
    opaque_id,
    utc_text,
)

WORKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


@dataclass(slots=True)
class Entry:
    """A row of `holder` that describes `person`; the two differ if the person is the holder's manager."""

    holder: Person
    person: Person


def users(organization: Organization, _: Window | None) -> Iterator[Entry]:
    """Returns everyone in the directory, including guests and disabled accounts."""
    return (Entry(person, person) for person in organization.people)


def managers(organization: Organization, _: Window | None) -> Iterator[Entry]:
    """Returns one entry for each person who has a manager."""
    for person in organization.people:
        if person.manager is not None:
            yield Entry(person, organization.people[person.manager])


def reports(organization: Organization, _: Window | None) -> Iterator[Entry]:
    """Returns one entry for each pair of a person and a direct report."""
    for person in organization.people:
        if person.manager is not None:
            yield Entry(organization.people[person.manager], person)


def mailboxes(organization: Organization, _: Window | None) -> Iterator[Entry]:
    """Returns one entry for each mailbox in use."""
    return (Entry(person, person) for person in organization.active)


def _working_hours(entry: Entry) -> dict[str, object]:
    person = entry.person
    return {
        "daysOfWeek": [enum("dayOfWeek", day) for day in WORKDAYS],
        "startTime": f"{person.starts // 60:02d}:{person.starts % 60:02d}:00.0000000",
        "endTime": f"{person.ends // 60:02d}:{person.ends % 60:02d}:00.0000000",
        "timeZone": {"name": person.office.windows_zone},
    }


def _automatic_replies(entry: Entry) -> dict[str, object]:
    return {
        "status": enum("automaticRepliesStatus", "disabled"),
        "externalAudience": enum("externalAudienceScope", "all"),
        "internalReplyMessage": "",
        "externalReplyMessage": "",
        "scheduledStartDateTime": date_time_zone(entry.person.created),
        "scheduledEndDateTime": date_time_zone(entry.person.created),
    }


PERSON_COLUMNS: Columns = {
    "accountEnabled": lambda entry: entry.person.is_enabled,
    "assignedLicenses": constant([]),
    "assignedPlans": constant([]),
    "birthday": constant(NEVER),
    "businessPhones": lambda entry: [f"+1 555 01{entry.person.number % 100:02d}"],
    "city": lambda entry: entry.person.office.city,
    "companyName": constant(None),
    "country": lambda entry: entry.person.office.country,
    "createdDateTime": lambda entry: utc_text(entry.person.created),
    "department": lambda entry: None if entry.person.is_guest else entry.person.department,
    "displayName": lambda entry: entry.person.name,
    "givenName": lambda entry: entry.person.given_name,
    "hireDate": constant(NEVER),
    "id": lambda entry: entry.person.id,
    "imAddresses": lambda entry: [entry.person.mail] if entry.person.has_mailbox else [],
    "interests": constant([]),
    "jobTitle": lambda entry: None if entry.person.is_guest else entry.person.job_title,
    "mail": lambda entry: entry.person.mail,
    "mailNickname": lambda entry: entry.person.mail.partition("@")[0],
    "officeLocation": lambda entry: f"{entry.person.office.city} {1 + entry.person.number % 4}",
    "pastProjects": constant([]),
    "postalCode": lambda entry: entry.person.office.postal_code,
    "preferredLanguage": lambda entry: entry.person.office.language,
    "preferredName": constant(""),
    "provisionedPlans": constant([]),
    "proxyAddresses": lambda entry: [f"SMTP:{entry.person.mail}"],
    "responsibilities": constant([]),
    "schools": constant([]),
    "skills": constant([]),
    "state": lambda entry: entry.person.office.state or None,
    "streetAddress": lambda entry: entry.person.office.street,
    "surname": lambda entry: entry.person.surname,
    "usageLocation": lambda entry: entry.person.office.country_code,
    "userPrincipalName": lambda entry: entry.person.mail,
    "userType": lambda entry: "Guest" if entry.person.is_guest else "Member",
}

MAILBOX_COLUMNS: Columns = {
    "archiveFolder": lambda entry: opaque_id("AQMk", "archive", entry.person.id),
    "timeZone": lambda entry: entry.person.office.windows_zone,
    "automaticRepliesSetting": _automatic_replies,
    "language": lambda entry: {"locale": entry.person.office.language, "displayName": entry.person.office.language},
    "workingHours": _working_hours,
    "delegateMeetingMessageDeliveryOptions": constant("sendToDelegateOnly"),
    "dateFormat": constant("yyyy-MM-dd"),
    "timeFormat": constant("HH:mm"),
    "ODataType": constant("#microsoft.graph.mailboxSettings"),
}
