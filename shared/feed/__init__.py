"""Feeds between services: an outbox numbered without gaps, pulled over HTTP with a durable cursor.

Producer: `publish()` as the last statement of the business transaction; `feed_router()` serves
`GET /v1/feed?after=SEQ&limit=N&wait=SECONDS` as CloudEvents 1.0 in a batch, in commit order, long-polling
when there is nothing new (the http-feeds.org convention; the cursor is the dense `sequence`).
Consumer: `FeedConsumer` applies each batch in one transaction with its cursor, fenced against a second
consumer; a missing number stops it loudly, an event that cannot be applied is parked, never skipped in
silence. Numbering is `feed_sequence()`: an identity column loses events whose transactions commit late,
and a one-statement version numbers rows twice.
"""

from shared.feed.consumer import FeedConsumer, FeedGapError, FencedError, feeds_check, following
from shared.feed.events import FEED_DDL, Event, publish, publish_all
from shared.feed.producer import MEDIA_TYPE, Batch, FeedReader, feed_router, released_on_signal

__all__ = [
    "FEED_DDL",
    "MEDIA_TYPE",
    "Batch",
    "Event",
    "FeedConsumer",
    "FeedGapError",
    "FeedReader",
    "FencedError",
    "feed_router",
    "feeds_check",
    "following",
    "publish",
    "publish_all",
    "released_on_signal",
]
