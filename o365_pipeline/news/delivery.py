"""Sending what waits: to each channel, of each kind of each customer, one message an hour at most.

What belongs here: the order and the limits. A message that was not sent is tried again by the next tick, together with
what happened since; a channel that fails keeps no other from its messages.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from dataclasses import dataclass

from o365_pipeline.database.database import Database
from o365_pipeline.errors import NewsError
from o365_pipeline.news import outbox
from o365_pipeline.news.channels import Channels
from o365_pipeline.news.messages import message_of

TICK_SECONDS = 30.0
"""For how long one tick begins to send; the next tick goes on."""

FAILURES_OF_A_TICK = 3
"""A channel that has failed so often in a tick is left alone until the next one."""


@dataclass
class Delivered:
    """What one tick sent."""

    sent: int = 0
    failed: int = 0


def deliver(database: Database, channels: Channels, now: dt.datetime, log: logging.Logger) -> Delivered:
    """Sends what waits, within the limits."""
    delivered, deadline = Delivered(), time.monotonic() + TICK_SECONDS
    for channel in channels:
        failures = 0
        room = channels.per_hour - outbox.told_in_the_last_hour(database, channel.name, now)
        for entry in outbox.waiting(database, channel.name, now):
            if room <= 0 or failures == FAILURES_OF_A_TICK or time.monotonic() > deadline:
                break
            claimed = outbox.claim(database, entry, now)
            if claimed is None:
                continue
            try:
                channel.send(message_of(claimed))
            except NewsError as error:
                outbox.give_back(database, entry, claimed.claim)
                log.warning(f"{error}; it is tried again at the next tick")
                failures += 1
                continue
            outbox.note_told(database, claimed, now)
            room -= 1
            delivered.sent += 1
        delivered.failed += failures
    return delivered
