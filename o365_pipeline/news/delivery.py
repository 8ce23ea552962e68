"""Sending what waits: to each channel, of each kind of each customer, one message an hour at most.

What belongs here: the order and the limits. A message that was not sent is tried again by the next tick, together with
what happened since, but after those that were not tried; a channel that fails is left alone until then.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from dataclasses import dataclass

from o365_pipeline.database.database import Database
from o365_pipeline.errors import NewsError
from o365_pipeline.news import outbox
from o365_pipeline.news.channels import Channel, Channels
from o365_pipeline.news.messages import message_of

TICK_SECONDS = 30.0
"""For how long one tick begins to send; the next tick goes on."""


@dataclass
class Delivered:
    """What one tick sent."""

    sent: int = 0
    failed: int = 0


def deliver(database: Database, channels: Channels, now: dt.datetime, log: logging.Logger) -> Delivered:
    """Sends what waits, within the limits."""
    delivered, deadline = Delivered(), time.monotonic() + TICK_SECONDS
    for channel in _in_turn(channels, now):
        room = channels.per_hour - outbox.told_in_the_last_hour(database, channel.name, now)
        for entry in outbox.waiting(database, channel.name, now):
            if room <= 0 or time.monotonic() > deadline:
                break
            claimed = outbox.claim(database, entry, now)
            if claimed is None:
                continue
            try:
                channel.send(message_of(claimed))
            except NewsError as error:
                outbox.give_back(database, entry, claimed.claim)
                log.warning(f"{error}; it is tried again at the next tick")
                delivered.failed += 1
                break
            outbox.note_told(database, claimed, now)
            room -= 1
            delivered.sent += 1
    return delivered


def _in_turn(channels: Channels, now: dt.datetime) -> list[Channel]:
    """Returns the channels, each minute beginning with another one: those that hang take the time of the others."""
    ordered = list(channels)
    first = int(now.timestamp() // 60) % len(ordered) if ordered else 0
    return ordered[first:] + ordered[:first]
