"""Time-outs, limits and automatic work, from `policy.yaml`."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources

import yaml

from shared.contracts.ingest import ReadingKind


@dataclass(frozen=True)
class Policy:
    """Seconds of answer, execution and rates are real time; everything else is time of the platform's clock."""

    answer_seconds: float
    tries: int
    execution_seconds: float
    valid: timedelta
    approval: timedelta
    a_second: int
    in_flight: int
    history_in_flight: int
    clock_off: timedelta
    clock_pause: timedelta
    request_pause: timedelta
    hour_back: timedelta
    minute_back: timedelta
    settle: timedelta
    history_span: dict[ReadingKind, timedelta]
    history_tries: int
    history_pauses: tuple[timedelta, ...]
    history_devices: int


@cache
def policy() -> Policy:
    """The policy as shipped."""
    data = yaml.safe_load(resources.files(__package__).joinpath("policy.yaml").read_text("utf-8"))
    history, gateway, clock = data["history"], data["gateway"], data["clock"]
    return Policy(
        answer_seconds=data["answer"]["seconds"],
        tries=data["answer"]["tries"],
        execution_seconds=data["execution"]["seconds"],
        valid=timedelta(minutes=data["valid_minutes"]),
        approval=timedelta(minutes=data["approval_minutes"]),
        a_second=gateway["a_second"],
        in_flight=gateway["in_flight"],
        history_in_flight=gateway["history_in_flight"],
        clock_off=timedelta(seconds=clock["off_seconds"]),
        clock_pause=timedelta(minutes=clock["pause_minutes"]),
        request_pause=timedelta(minutes=clock["request_pause_minutes"]),
        hour_back=timedelta(days=history["hour_days"]),
        minute_back=timedelta(hours=history["minute_hours"]),
        settle=timedelta(minutes=history["settle_minutes"]),
        history_span={ReadingKind(kind): timedelta(hours=hours) for kind, hours in history["span_hours"].items()},
        history_tries=history["tries"],
        history_pauses=tuple(timedelta(minutes=minutes) for minutes in history["pause_minutes"]),
        history_devices=history["devices"],
    )
