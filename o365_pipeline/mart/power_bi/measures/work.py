"""The measures of how work flows: mails, meetings, chats, calls and time without them."""

from __future__ import annotations

from o365_pipeline.mart.power_bi.measures.measure import ONE_PLACE, SHARE, WHOLE, Measure

_PAGE = "How work flows"
MAIL, MEETINGS, CHATS, TIME = (f"{_PAGE}\\{name}" for name in ("Mail", "Meetings", "Chats and calls", "Time"))


def _summed(name: str, column: str, caption: str, description: str, folder: str) -> Measure:
    sql = f"SELECT SUM({column}) FROM agg_person_day"
    return Measure(name, f"SUM('Person day'[{caption}])", description, WHOLE, folder, sql)


def _hours(name: str, column: str, caption: str, description: str, folder: str) -> Measure:
    dax, sql = f"DIVIDE(SUM('Person day'[{caption}]), 60)", f"SELECT SUM({column}) / 60.0 FROM agg_person_day"
    return Measure(name, dax, description, ONE_PLACE, folder, sql)


def _share(name: str, part: str, whole: str, description: str, folder: str, columns: tuple[str, str]) -> Measure:
    sql = f"SELECT 1.0 * SUM({columns[0]}) / SUM({columns[1]}) FROM agg_person_day"
    return Measure(name, f"DIVIDE([{part}], [{whole}])", description, SHARE, folder, sql)


_HELD = "'Meeting'[Is cancelled] <> 1, 'Meeting'[Is all day] <> 1"
_HELD_ROWS = "fact_meeting WHERE is_cancelled IS NOT TRUE AND is_all_day IS NOT TRUE"
_SENT_ROWS = "fact_message WHERE is_draft IS NOT TRUE"

_OF_MAIL = (
    Measure(
        "Mails",
        "CALCULATE(COUNTROWS('Mail'), 'Mail'[Is draft] <> 1)",
        "Mails, each once however many mailboxes hold a copy, without drafts",
        WHOLE,
        MAIL,
        f"SELECT COUNT(*) FROM {_SENT_ROWS}",
    ),
    Measure(
        "Recipients per mail",
        "CALCULATE(AVERAGE('Mail'[Recipient count]), 'Mail'[Is draft] <> 1)",
        "Addresses in To, Cc and Bcc of a mail, on average",
        ONE_PLACE,
        MAIL,
        f"SELECT AVG(1.0 * recipient_count) FROM {_SENT_ROWS}",
    ),
    _summed("Mails sent", "mails_sent", "Mails sent", "Mails that people sent", MAIL),
    _summed("Mails received", "mails_received", "Mails received", "Mails to people, once for each recipient", MAIL),
    _summed(
        "External mails sent",
        "external_mails_sent",
        "External mails sent",
        "Of the mails sent, those with a recipient outside of the organisation",
        MAIL,
    ),
    _share(
        "External share of mails",
        "External mails sent",
        "Mails sent",
        "External mails of the mails sent",
        MAIL,
        ("external_mails_sent", "mails_sent"),
    ),
    _summed(
        "After-hours mails sent",
        "after_hours_mails_sent",
        "After hours mails sent",
        "Of the mails sent, those outside of the sender's working hours",
        MAIL,
    ),
    _share(
        "After-hours share of mails",
        "After-hours mails sent",
        "Mails sent",
        "After-hours mails of the mails sent",
        MAIL,
        ("after_hours_mails_sent", "mails_sent"),
    ),
    Measure(
        "Answers",
        "SUM('Response day'[Responses])",
        "Mails that answered another one",
        WHOLE,
        MAIL,
        "SELECT SUM(responses) FROM agg_response",
    ),
    Measure(
        "Hours to an answer",
        "DIVIDE(SUM('Response day'[Response (minutes)]), 60 * [Answers])",
        "Hours from a mail to its answer, on average",
        ONE_PLACE,
        MAIL,
        "SELECT SUM(response_minutes) / 60.0 / SUM(responses) FROM agg_response",
    ),
)

_OF_MEETINGS = (
    Measure(
        "Meetings held",
        f"CALCULATE(COUNTROWS('Meeting'), {_HELD})",
        "Meetings, each once however many attend, without those that were cancelled or last the whole day",
        WHOLE,
        MEETINGS,
        f"SELECT COUNT(*) FROM {_HELD_ROWS}",
    ),
    Measure(
        "Minutes per meeting",
        f"CALCULATE(AVERAGE('Meeting'[Duration (minutes)]), {_HELD})",
        "Length of the meetings held, on average",
        ONE_PLACE,
        MEETINGS,
        f"SELECT AVG(1.0 * duration_minutes) FROM {_HELD_ROWS}",
    ),
    Measure(
        "Recurring share of meetings",
        "DIVIDE(CALCULATE([Meetings held], 'Meeting'[Is recurring] = 1), [Meetings held])",
        "Occurrences of a series of the meetings held",
        SHARE,
        MEETINGS,
        f"SELECT AVG(CASE WHEN is_recurring IS TRUE THEN 1.0 ELSE 0.0 END) FROM {_HELD_ROWS}",
    ),
    _hours(
        "Meeting hours",
        "meeting_minutes",
        "Meeting (minutes)",
        "Hours that people spent in meetings, each meeting in full",
        MEETINGS,
    ),
    _hours(
        "Busy hours",
        "busy_minutes",
        "Busy (minutes)",
        "Hours that people spent in meetings, where those that overlap count once",
        MEETINGS,
    ),
    _hours(
        "After-hours meeting hours",
        "after_hours_meeting_minutes",
        "After hours meeting (minutes)",
        "Of the meeting hours, those outside of working hours",
        MEETINGS,
    ),
    _share(
        "After-hours share of meetings",
        "After-hours meeting hours",
        "Meeting hours",
        "After-hours meeting hours of the meeting hours",
        MEETINGS,
        ("after_hours_meeting_minutes", "meeting_minutes"),
    ),
)

_OF_CHATS = (
    _summed("Chats sent", "chats_sent", "Chats sent", "Chat messages that people sent", CHATS),
    _summed(
        "After-hours chats sent",
        "after_hours_chats_sent",
        "After hours chats sent",
        "Of the chat messages sent, those outside of the sender's working hours",
        CHATS,
    ),
    Measure(
        "Calls",
        "COUNTROWS('Call')",
        "Calls and online meetings, each once",
        WHOLE,
        CHATS,
        "SELECT COUNT(*) FROM fact_call",
    ),
)

_OF_TIME = (
    Measure(
        "Active people",
        "DISTINCTCOUNT('Person day'[Person key])",
        "People with any activity or focus time",
        WHOLE,
        TIME,
        "SELECT COUNT(*) FROM (SELECT DISTINCT customer, person_id FROM agg_person_day) AS people",
    ),
    _hours(
        "Focus hours",
        "focus_minutes",
        "Focus (minutes)",
        "Working hours in blocks of two hours or more without a meeting",
        TIME,
    ),
    Measure(
        "Meeting hours per person",
        "DIVIDE([Meeting hours], [Active people])",
        "Meeting hours of an active person, on average",
        ONE_PLACE,
        TIME,
        "SELECT SUM(meeting_minutes) / 60.0 / COUNT(DISTINCT customer || '/' || person_id) FROM agg_person_day",
    ),
    Measure(
        "Focus hours per person",
        "DIVIDE([Focus hours], [Active people])",
        "Focus hours of an active person, on average",
        ONE_PLACE,
        TIME,
        "SELECT SUM(focus_minutes) / 60.0 / COUNT(DISTINCT customer || '/' || person_id) FROM agg_person_day",
    ),
)

WORK = (*_OF_MAIL, *_OF_MEETINGS, *_OF_CHATS, *_OF_TIME)
