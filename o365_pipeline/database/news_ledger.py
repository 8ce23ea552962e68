"""The ledger's tables of news: what is to be told of each customer, and how far each channel was told.

What belongs here: the tables, which `news/` writes. Writing to them has in common what `ledger.py` says of all tables.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import metadata, timestamp

news = sa.Table(
    "ledger_news",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True, comment="Empty: the deployment itself"),
    sa.Column("news_id", sa.String(64), primary_key=True, comment="Hash of what happened, so that it is told once"),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="1, 2, 3, ... in the order of recording"),
    sa.Column("kind", sa.String(20), nullable=False, comment="runs, checks, consent, stuck, cost or digest"),
    sa.Column("subject", sa.Unicode(4000), nullable=False, comment="What happened to what, without values of rows"),
    sa.Column("first_day", sa.Date, comment="The first day of data that it is about; null where it is about none"),
    sa.Column("last_day", sa.Date, comment="The last one"),
    sa.Column("found_at", timestamp(), nullable=False),
    comment="Append-only: what is worth a message, once; forgotten after some months",
)
sa.Index(None, news.c.sequence, unique=True)

news_told = sa.Table(
    "ledger_news_told",
    metadata,
    sa.Column("channel", sa.String(100), primary_key=True, comment="Its place in the setting and its kind: 1 slack"),
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("told_up_to", sa.BigInteger, nullable=False, comment="The last news in ledger_news that it was told"),
    sa.Column("told_at", timestamp(), comment="When it was last told; null before the first message"),
    sa.Column("claim", sa.String(64), comment="Who is sending the next message; null while nobody is"),
    sa.Column("tried_at", timestamp(), comment="When somebody last began to send"),
    comment="How far each channel was told of each kind of news of each customer",
)
