"""The star in the mart's document: three joins to begin with, a picture, and the tables.

What belongs here: those parts of the page. The rest of it is in `mart/dictionary.py`.
"""

from __future__ import annotations

from o365_pipeline.dagster_ui.markdown import code, markdown_table
from o365_pipeline.mart.star.calendar import CUSTOMER_DAY, calendar
from o365_pipeline.mart.star.model import star_model
from o365_pipeline.mart.star.parts import PREFIX, Kind, StarTable

OF_ALL = (calendar.name, f"{PREFIX}customer", f"{PREFIX}{CUSTOMER_DAY}")
"""What every fact refers to: the picture leaves it out."""

SHAPES = {Kind.DIMENSION: '(["{}"])', Kind.SNAPSHOT: '[["{}"]]', Kind.EVENT: '["{}"]'}

THREE_JOINS = """## Three joins

The views that begin with `star_` join by one column each, and no join multiplies a row. Mails by month, and by the
department that their senders are in now:

```sql
SELECT d.year_month, p.department, count(*) AS mails
FROM star_mail m
JOIN star_calendar d ON d.date_key = m.date_key
LEFT JOIN star_person p ON p.person_key = m.sender_key
GROUP BY d.year_month, p.department
ORDER BY d.year_month, mails DESC;
```

Hours in meetings, by the department that people were in on the day:

```sql
SELECT p.department, sum(t.meeting_minutes) / 60.0 AS hours
FROM star_person_day t
JOIN star_person_snapshot p ON p.person_snapshot_key = t.person_snapshot_key
GROUP BY p.department
ORDER BY hours DESC;
```

Links that open for whoever has them, by site. A snapshot has all its rows on each day, so one day of it is chosen:

```sql
SELECT s.url, s.sensitivity_label, sum(e.anyone_links) AS anyone
FROM star_site_exposure e
JOIN star_site s ON s.site_key = e.site_key
WHERE e.date_key = (SELECT max(date_key) FROM star_site_exposure)
GROUP BY s.url, s.sensitivity_label
ORDER BY anyone DESC;
```
"""

RULES = """## The stars

- A column that ends in `_key` is joined with the key of the view that it refers to; nothing else is needed, neither
  customer nor day. Where it is null it refers to nothing: `LEFT JOIN` keeps such rows.
- `sender_key` leads to the person as of now; `sender_snapshot_key` to the person as of the day that loaded the row. So
  it is with groups and sites. Who has gone is in `star_person` as last known, with `is_current` 0.
- Rows of events add up over dates. A snapshot tells what there was on a day: sum it within one `date_key`.
- `star_calendar` has every date from the first to the last of the mart, also where nothing happened;
  `star_customer_day` has them for each customer, with `is_working_day`.
- The views tell of single people, as the tables do, and give nothing beyond the tables. Every one but the calendar has
  `customer`.
- Keys are texts of customer, day and id. Power BI holds `A` and `a` for equal: an id with capital letters is in its key
  in hexadecimals, so that no two keys differ by case alone.

The picture leaves out the calendar, customers and their days, which every table but those of what there is now refers
to. Round is what there is now, doubly framed what there was on each day.
"""


def star_section() -> str:
    """Returns the part of the document that it opens with."""
    rows = (
        (
            f"[{table.name}](#{table.name})",
            table.kind.value,
            code(table.key) if table.key else "",
            code(*(one.column for one in star_model().of(table) if one.one.name not in OF_ALL)),
        )
        for table in star_model().tables
    )
    shown = markdown_table(("view", "is", "key", "refers to others by"), rows)
    return "\n\n".join([THREE_JOINS.rstrip(), RULES.rstrip(), f"```mermaid\n{star_diagram()}```", shown])


def star_diagram() -> str:
    """Returns Mermaid's flowchart of the active relationships."""
    star, lines = star_model(), ["flowchart LR"]
    edges = [one for one in star.relationships if one.is_active and one.one.name not in OF_ALL]
    drawn = {table.name for one in edges for table in (one.many, one.one)}
    lines += [
        f"    {table.name}{SHAPES[table.kind].format(table.caption)}" for table in star.tables if table.name in drawn
    ]
    for table in star.tables:
        if many := [one.many.name for one in edges if one.one == table]:
            lines.append(f"    {' & '.join(many)} --> {table.name}")
    return "\n".join(lines) + "\n"


def star_columns(table: StarTable) -> str:
    """Returns the table of a view's columns."""
    return markdown_table(
        ("column", "for people", "type", "refers to", "what it holds"),
        (
            (
                code(column.name),
                "" if column.is_hidden else column.caption,
                str(column.type),
                code(column.refers_to) if column.refers_to else "",
                column.description,
            )
            for column in table.columns
        ),
    )
