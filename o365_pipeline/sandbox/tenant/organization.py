"""Synthetic people: an organization with departments, a tree of managers, offices around the world, and outsiders.

What belongs here: the people and their working hours. What they write and attend belongs to `mail_threads.py` and the
like.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from zoneinfo import ZoneInfo

from o365_pipeline.sandbox.tenant.row_format import Address

GIVEN_NAMES = re.findall(
    r"\w+",
    "Ada Amir Ana Anders Aiko Beatriz Bram Carla Chen Chloé Dana Diego Elif Emeka Eva Farid Freya Gita Goran Hana Hugo "
    "Ines Ivan Jana João Jonas Kamal Keiko Lars Leila Lin Luca Maya Mei Milan Nadia Nils Noor Olga Omar Paula Pavel "
    "Priya Rafael Rosa Sara Sefa Søren Tariq Thea Tomás Uma Vera Viktor Wei Yara Yusuf Zoë",
)
SURNAMES = re.findall(
    r"\w+",
    "Abe Adeyemi Almeida Andersson Bakker Becker Bianchi Castro Chaudhry Cohen Dubois Eriksen Fischer Fontaine García "
    "Haddad Hansen Horvat Ito Ivanova Jansen Kaya Keller Kowalski Kumar Laurent Lindqvist Lopes Marchetti Meyer Moreau "
    "Müller Nakamura Nguyen Novak Okafor Olsen Osei Papadakis Patel Petrov Ramos Rossi Sato Schmidt Silva Singh Suzuki "
    "Tanaka Varga Vogel Weber Yilmaz Zhang",
)
DEPARTMENTS = (
    "Sales",
    "Engineering",
    "Operations",
    "Finance",
    "Marketing",
    "Customer Service",
    "Human Resources",
    "Legal",
)
TITLES = ("Specialist", "Analyst", "Senior Specialist", "Consultant", "Coordinator")
OUTSIDE_DOMAINS = ("adatum.example", "fabrikam.example", "litware.example", "proseware.example", "wingtip.example")
TEAM_SIZE = 7


@dataclass(frozen=True)
class Office:
    """An office: an address and a time zone."""

    city: str
    state: str
    country: str
    country_code: str
    postal_code: str
    street: str
    zone: str
    windows_zone: str
    language: str


OFFICES = (
    Office(
        "Chicago",
        "IL",
        "United States",
        "US",
        "60606",
        "200 W Lake St",
        "America/Chicago",
        "Central Standard Time",
        "en-US",
    ),
    Office(
        "London",
        "",
        "United Kingdom",
        "GB",
        "EC2A 4NE",
        "18 Finsbury Row",
        "Europe/London",
        "GMT Standard Time",
        "en-GB",
    ),
    Office(
        "Munich", "BY", "Germany", "DE", "80331", "Lindenweg 7", "Europe/Berlin", "W. Europe Standard Time", "de-DE"
    ),
    Office(
        "Singapore",
        "",
        "Singapore",
        "SG",
        "048583",
        "9 Harbour Lane",
        "Asia/Singapore",
        "Singapore Standard Time",
        "en-SG",
    ),
)
OFFICE_WEIGHTS = (5, 3, 3, 2)


@dataclass(frozen=True)
class Person:
    """One user of the tenant."""

    number: int
    id: str
    given_name: str
    surname: str
    mail: str
    department: str
    job_title: str
    office: Office
    manager: int | None
    starts: int
    ends: int
    activity: float
    created: dt.datetime
    is_guest: bool = False
    is_enabled: bool = True

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.surname}"

    @property
    def address(self) -> Address:
        return Address(self.name, self.mail)

    @property
    def has_mailbox(self) -> bool:
        return self.is_enabled and not self.is_guest

    def utc(self, day: dt.date, minutes: float) -> dt.datetime:
        """Returns the moment that many minutes after midnight on that day, at the person's office."""
        midnight = dt.datetime.combine(day, dt.time())
        return midnight.replace(tzinfo=dt.UTC) + dt.timedelta(minutes=minutes) - _offset(self.office.zone, day)

    def working_moment(self, day: dt.date, random: Random) -> dt.datetime:
        """Returns a moment of that day's work: mostly in working hours around mid-morning and mid-afternoon, rarely at
        night.
        """
        if random.random() < 0.06:
            return self.utc(day, random.uniform(6 * 60, 23 * 60))
        middle = self.starts + (self.ends - self.starts) * random.choice((0.25, 0.7))
        return self.utc(day, random.triangular(self.starts, self.ends, middle))


class Organization:
    """One tenant's people."""

    def __init__(self, tenant_id: str, people: tuple[Person, ...], domain: str, seed: str) -> None:
        self.tenant_id = tenant_id
        self.people = people
        self.domain = domain
        self.seed = seed

    @cached_property
    def active(self) -> tuple[Person, ...]:
        """The people who have a mailbox in use."""
        return tuple(person for person in self.people if person.has_mailbox)

    @cached_property
    def departments(self) -> dict[str, tuple[Person, ...]]:
        return {name: tuple(p for p in self.active if p.department == name) for name in DEPARTMENTS}

    @cached_property
    def teams(self) -> dict[int, tuple[Person, ...]]:
        """Manager's number -> the active people who report to that manager."""
        teams: dict[int, list[Person]] = {}
        for person in self.active:
            if person.manager is not None:
                teams.setdefault(person.manager, []).append(person)
        return {number: tuple(team) for number, team in teams.items()}

    @cached_property
    def outsiders(self) -> tuple[Address, ...]:
        random = self.random("outsiders")
        names = [(random.choice(GIVEN_NAMES), random.choice(SURNAMES)) for _ in range(5 + len(self.people) // 2)]
        return tuple(Address(f"{a} {b}", f"{_ascii(a)}.{_ascii(b)}@{random.choice(OUTSIDE_DOMAINS)}") for a, b in names)

    def random(self, *subject: object) -> Random:
        """Makes a random generator that is the same for the same people and subject."""
        return chance(self.seed, *subject)

    def colleagues(self, person: Person, random: Random, count: int) -> list[Person]:
        """Returns that many other people, most of them from the person's department."""
        near = self.departments[person.department]
        chosen: dict[str, Person] = {}
        for _ in range(3 * count):
            other = random.choice(near if random.random() < 0.65 else self.active)
            if other is not person:
                chosen[other.id] = other
            if len(chosen) == count:
                break
        return list(chosen.values())


def chance(*subject: object) -> Random:
    """Makes a random generator that is the same for the same subject."""
    return Random("|".join(map(str, subject)))  # noqa: S311 - made-up people need no secrecy


@lru_cache(maxsize=16)
def organization(tenant_id: str, users: int, seed: int) -> Organization:
    """Makes the people of a tenant; the same for the same tenant, number and seed."""
    random = chance(seed, tenant_id, "people")
    domain = f"tenant-{uuid.uuid5(uuid.NAMESPACE_URL, tenant_id).hex[:6]}.example"
    people: list[Person] = []
    used: set[str] = set()
    for number in range(users):
        people.append(_person(number, people, random, domain, used))
    return Organization(tenant_id, tuple(people), domain, f"{seed}|{tenant_id}")


def _person(number: int, people: list[Person], random: Random, domain: str, used: set[str]) -> Person:
    given, surname = random.choice(GIVEN_NAMES), random.choice(SURNAMES)
    local = f"{_ascii(given)}.{_ascii(surname)}"
    while local in used:
        local = f"{_ascii(given)}.{_ascii(surname)}{random.randrange(2, 10_000)}"
    used.add(local)
    # A team's head is the person a whole team's numbers earlier, so the tree is as deep as the organization is large.
    manager = people[(number - 1) // TEAM_SIZE] if number else None
    heads_department = 0 < number <= len(DEPARTMENTS)
    if manager is None or heads_department or manager.number == 0:
        department = DEPARTMENTS[max(number - 1, 0) % len(DEPARTMENTS)]
    else:
        department = manager.department
    starts = random.choice((7.5, 8, 8.5, 9, 9.5)) * 60
    ordinary = number > len(DEPARTMENTS)
    is_guest = ordinary and number % 20 == 13
    return Person(
        number=number,
        id=str(uuid.UUID(int=random.getrandbits(128), version=4)),
        given_name=given,
        surname=surname,
        mail=f"{local}_guest@{domain}" if is_guest else f"{local}@{domain}",
        department=department,
        job_title="Chief Executive"
        if not number
        else f"Head of {department}"
        if heads_department
        else random.choice(TITLES),
        office=random.choices(OFFICES, OFFICE_WEIGHTS)[0],
        manager=manager.number if manager and not is_guest else None,
        starts=int(starts),
        ends=int(starts) + random.choice((480, 510, 540)),
        activity=random.lognormvariate(-0.1, 0.45),
        created=dt.datetime(2019, 1, 7, 9, tzinfo=dt.UTC) + dt.timedelta(days=random.randrange(1500)),
        is_guest=is_guest,
        is_enabled=not (ordinary and number % 25 == 17),
    )


@lru_cache(maxsize=4096)
def _offset(zone: str, day: dt.date) -> dt.timedelta:
    return dt.datetime.combine(day, dt.time(12), ZoneInfo(zone)).utcoffset() or dt.timedelta()


def _ascii(name: str) -> str:
    return name.translate(str.maketrans("éãáëüíø", "eaaeuio")).lower()
