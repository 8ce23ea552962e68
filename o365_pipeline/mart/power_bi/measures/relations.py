"""The measures of who works with whom: pairs, outside organisations, teams."""

from __future__ import annotations

from o365_pipeline.mart.power_bi.measures.measure import ONE_PLACE, SHARE, WHOLE, Measure

_PAGE = "Who works with whom"
PAIRS, OUTSIDE, TEAMS = (f"{_PAGE}\\{name}" for name in ("Pairs", "Outside", "Teams"))

_IS_OUTSIDE = "NOT ISBLANK('Collaboration day'[Outside domain])"


def _shared(name: str, column: str, caption: str, description: str) -> Measure:
    sql = f"SELECT SUM({column}) FROM agg_collaboration_day"
    return Measure(name, f"SUM('Collaboration day'[{caption}])", description, WHOLE, PAIRS, sql)


RELATIONS = (
    Measure(
        "Strength",
        "SUM('Collaboration day'[Weight])",
        "How closely two work together: each mail, meeting and chat counts the less, the more people share it",
        ONE_PLACE,
        PAIRS,
        "SELECT SUM(weight) FROM agg_collaboration_day",
    ),
    _shared("Shared mails", "mails", "Mails", "Mails between two, once for each pair"),
    _shared("Shared meetings", "meetings", "Meetings", "Meetings that two attended, once for each pair"),
    _shared("Shared chats", "chats", "Chats", "Chat messages between two, once for each pair"),
    Measure(
        "Counterparts",
        "DISTINCTCOUNT('Collaboration day'[Counterpart])",
        "Different people and outside organisations that somebody worked with",
        WHOLE,
        PAIRS,
        "SELECT COUNT(DISTINCT counterpart) FROM agg_collaboration_day",
    ),
    Measure(
        "Outside organisations",
        "DISTINCTCOUNTNOBLANK('Collaboration day'[Outside domain])",
        "Different domains of outside organisations that somebody worked with",
        WHOLE,
        OUTSIDE,
        "SELECT COUNT(DISTINCT outside_domain) FROM agg_collaboration_day",
    ),
    Measure(
        "Outside strength",
        f"CALCULATE([Strength], {_IS_OUTSIDE})",
        "Strength of the work with outside organisations",
        ONE_PLACE,
        OUTSIDE,
        "SELECT SUM(weight) FROM agg_collaboration_day WHERE outside_domain IS NOT NULL",
    ),
    Measure(
        "Outside share of strength",
        "DIVIDE([Outside strength], [Strength])",
        "Outside strength of all strength",
        SHARE,
        OUTSIDE,
        "SELECT SUM(CASE WHEN outside_domain IS NOT NULL THEN weight END) / SUM(weight) FROM agg_collaboration_day",
    ),
    Measure(
        "People with outside contacts",
        f"CALCULATE(DISTINCTCOUNT('Collaboration day'[Person a key]), {_IS_OUTSIDE})",
        "People who worked with somebody outside",
        WHOLE,
        OUTSIDE,
        "SELECT COUNT(*) FROM (SELECT DISTINCT customer, person_a FROM agg_collaboration_day "
        "WHERE outside_domain IS NOT NULL) AS people",
    ),
    Measure(
        "Channel messages",
        "COUNTROWS('Channel message')",
        "Messages in the standard channels of teams",
        WHOLE,
        TEAMS,
        "SELECT COUNT(*) FROM fact_channel_message",
    ),
    Measure(
        "Reply share of channel messages",
        "DIVIDE(CALCULATE([Channel messages], 'Channel message'[Is reply] = 1), [Channel messages])",
        "Replies of the channel messages",
        SHARE,
        TEAMS,
        "SELECT AVG(CASE WHEN is_reply IS TRUE THEN 1.0 ELSE 0.0 END) FROM fact_channel_message",
    ),
    Measure(
        "Active people in groups",
        "DISTINCTCOUNT('Group person day'[Actor ID])",
        "People who wrote to a group or took part in its calls, guests included",
        WHOLE,
        TEAMS,
        "SELECT COUNT(DISTINCT actor_id) FROM agg_group_person_day",
    ),
    Measure(
        "Active guests in groups",
        "CALCULATE([Active people in groups], 'Group person day'[Is guest] = 1)",
        "Guests who wrote to a group or took part in its calls",
        WHOLE,
        TEAMS,
        "SELECT COUNT(DISTINCT actor_id) FROM agg_group_person_day WHERE is_guest IS TRUE",
    ),
)
