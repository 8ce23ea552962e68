"""The definitions of the news: the sensor that tells channels, and the daily digest."""

from __future__ import annotations

import dagster as dg

from o365_pipeline.news.digest import build_digest_schedule, digest_job
from o365_pipeline.news.sensor import build_news_sensor


def news_definitions(sensors: dg.DefaultSensorStatus, schedules: dg.DefaultScheduleStatus) -> dg.Definitions:
    return dg.Definitions(
        jobs=[digest_job], sensors=[build_news_sensor(sensors)], schedules=[build_digest_schedule(schedules)]
    )
