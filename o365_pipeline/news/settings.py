"""The settings of news: the channels, and how much each gets.

What belongs here: names, defaults, descriptions and rules. `deployment/` reads them from the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from o365_pipeline.errors import NewsError, SettingsError
from o365_pipeline.news.channels import UrlChannels, urls_in


class NewsSettings(BaseModel):
    """Where news is sent to."""

    news_urls: SecretStr | None = Field(
        default=None,
        description="Channels that news is sent to, one URL each with spaces or lines between, as apprise writes them: "
        "slack://..., mailto://..., json://host/path. Else no news is sent.",
    )
    news_file: Path | None = Field(
        default=None, description="File that holds those URLs, one in a line, where they stand in no variable."
    )
    news_per_hour: int = Field(
        default=60, ge=1, le=1_000, description="Messages that a channel gets in an hour at most; the rest waits."
    )

    @field_validator("news_urls")
    @classmethod
    def _channels_have_urls(cls, urls: SecretStr | None) -> SecretStr | None:
        if urls:
            try:
                urls_in(urls.get_secret_value())
            except NewsError as error:
                raise ValueError(str(error)) from None
        return urls

    @model_validator(mode="after")
    def _channels_stand_in_one_place(self) -> Self:
        if self.news_urls and self.news_file:
            raise ValueError("O365_NEWS_FILE: O365_NEWS_URLS names channels too; set one of them")
        return self

    def channels(self) -> UrlChannels:
        """Returns the channels.

        Raises:
            SettingsError: the file cannot be read, or holds what is no URL; the message repeats none.
        """
        if self.news_file is None:
            text = self.news_urls.get_secret_value() if self.news_urls else ""
            return UrlChannels(urls_in(text), self.news_per_hour)
        try:
            return UrlChannels(urls_in(self.news_file.read_text(encoding="utf-8-sig")), self.news_per_hour)
        except OSError as error:
            raise SettingsError(f"O365_NEWS_FILE={self.news_file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"O365_NEWS_FILE={self.news_file}: it is no text in UTF-8") from None
        except NewsError as error:
            raise SettingsError(f"O365_NEWS_FILE={self.news_file}: {error}") from None
