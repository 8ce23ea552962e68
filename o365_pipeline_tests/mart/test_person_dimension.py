"""Who is in dim_person, and whose an address is."""

import pytest

from o365_pipeline_tests.mart.conftest import PEOPLE, address


@pytest.mark.usefixtures("organization")
def test_persons_carry_their_manager_and_the_time_zone_of_their_mailbox(fill, rows):
    fill("mailbox_settings", {"puser": "bob", "time_zone": "Pacific Standard Time"})

    people = {row["person_id"]: row for row in rows("dim_person")}

    assert set(people) == set(PEOPLE)
    assert (people["bob"]["manager_id"], people["bob"]["manager_name"]) == ("ann", "Ann")
    assert people["bob"]["time_zone"] == "Pacific Standard Time"
    assert (people["ann"]["manager_id"], people["ann"]["extraction_id"]) == (None, "extraction of user")


def test_owners_of_mailboxes_whom_no_user_row_describes_are_persons_without_attributes(fill, rows):
    fill("team_chat", {"puser": "fay", "id": "1"})

    [person] = rows("dim_person")

    assert (person["person_id"], person["extraction_id"]) == ("fay", "extraction of team_chat")
    assert person["display_name"] is None


def test_a_manager_whom_no_user_row_describes_is_a_person_so_that_facts_join(fill, rows):
    fill("manager", {"puser": "bob", "id": "zoe", "display_name": "Zoe", "mail": "zoe@contoso.com"})
    fill("message", {"puser": "bob", "id": "1", "from": address("zoe")})

    assert {row["person_id"]: row["display_name"] for row in rows("dim_person")} == {"bob": None, "zoe": "Zoe"}
    assert rows("fact_message")[0]["sender_id"] == "zoe"


def test_an_address_that_two_people_claim_is_the_lowest_persons(fill, rows):
    fill(
        "user", {"puser": "2", "mail": "info@contoso.com"}, {"puser": "1", "proxy_addresses": ["SMTP:Info@contoso.com"]}
    )
    fill("message", {"puser": "2", "id": "1", "from": address("info")})

    assert rows("fact_message")[0]["sender_id"] == "1"


def test_text_is_cut_to_what_its_column_holds(fill, rows):
    fill("user", {"puser": "ann", "display_name": "A" * 300})

    assert rows("dim_person")[0]["display_name"] == "A" * 256
