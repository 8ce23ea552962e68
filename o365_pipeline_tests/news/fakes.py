"""Channels that keep what they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from o365_pipeline.errors import NewsError
from o365_pipeline.news.channels import Message


@dataclass
class FakeChannel:
    name: str = "1 fake"
    fails: bool = False
    messages: list[Message] = field(default_factory=list)

    def check(self) -> None:
        pass

    def send(self, message: Message) -> None:
        if self.fails:
            raise NewsError(f"channel {self.name}: it fails")
        self.messages.append(message)


@dataclass
class FakeChannels:
    channels: list[FakeChannel] = field(default_factory=lambda: [FakeChannel()])
    per_hour: int = 60

    def __iter__(self) -> Iterator[FakeChannel]:
        return iter(self.channels)

    def __len__(self) -> int:
        return len(self.channels)
