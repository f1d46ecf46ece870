"""Rules of links: tolerance, networks, strangers, the passing of time."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from uuid import uuid4

import pytest

from services.ingest.domain.links import Link, Seen, SeenLine, advance, expire, link_rules
from services.ingest.domain.networks import comes_from, is_within, read_networks
from services.ingest.domain.packets import claimed_mn
from services.ingest.domain.strangers import Stranger, Strangers
from services.ingest.domain.tolerance import deviations, refused
from shared.contracts.ingest import LinkState
from shared.contracts.ingest.links import Tolerance
from shared.errors import InvalidError

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
RULES = link_rules()


@pytest.mark.parametrize(
    ("tolerance", "accepted", "names", "first"),
    [
        (Tolerance.LENIENT, (), ("crc_modbus", "gbk"), None),
        (Tolerance.STRICT, ("gbk",), ("gbk",), "gbk"),
        (Tolerance.STRICT, (), (), None),
        (Tolerance.STRICT, (), ("surface_water_profile", "tail_missing"), None),
        (Tolerance.LEARNT, ("gbk",), ("gbk",), None),
        (Tolerance.LEARNT, ("gbk",), ("gbk", "qn_odd"), "qn_odd"),
    ],
)
def test_a_tolerance_takes_what_it_says(
    tolerance: Tolerance, accepted: tuple[str, ...], names: tuple[str, ...], first: str | None
) -> None:
    assert refused(names, tolerance, accepted) == first


def test_a_profile_of_the_standard_is_no_deviation() -> None:
    assert deviations(("surface_water_profile", "tail_missing")) == ["tail_missing"]


@pytest.mark.parametrize(
    ("address", "inside"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("11.0.0.1", False), ("fd00::5%eth0", True), ("", False)],
)
def test_addresses_lie_in_networks(address: str, *, inside: bool) -> None:
    assert is_within(address, (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))) is inside


def test_networks_are_read_and_peers_judged() -> None:
    assert comes_from("10.9.8.7:5000", ("10.0.0.0/8",))
    assert not comes_from("11.9.8.7:5000", ("10.0.0.0/8",))
    with pytest.raises(InvalidError, match="host bits"):
        read_networks(["10.0.0.1/8"], field="networks")


@pytest.mark.parametrize(
    ("raw", "mn"),
    [
        (b"##0100ST=32;CN=2011;MN=A110000_0001;Flag=5;CP=&&", "A110000_0001"), (b"##0100ST=32;MN=cut", None),
        (b"##0100MN=first;MN=second;", "first"), (b"\xff\xfe", None),
    ],
)  # fmt: skip
def test_broken_bytes_may_name_a_device(raw: bytes, mn: str | None) -> None:
    assert claimed_mn(raw) == mn


def link(**fields: object) -> Link:
    known = {"device_id": uuid4(), "mn": "M", "outlet_id": uuid4(), "enterprise_id": uuid4(), "edition": "2017"}
    return Link(**{**known, **fields})  # type: ignore[arg-type]


def test_counts_alone_bring_nobody_online() -> None:
    new, changes = advance(link(), Seen(frames=3, rejected=3), (), NOW, RULES)

    assert (new.state, changes) == (LinkState.NEVER, [])


def test_an_account_that_comes_too_late_ends_offline() -> None:
    seen = Seen(frames=1, last_at=NOW - timedelta(minutes=30))
    new, changes = advance(link(), seen, (), NOW, RULES)

    assert (new.state, [change.change for change in changes]) == (LinkState.OFFLINE, ["online", "offline"])


def test_a_duplicate_ends_after_a_while_of_one_voice() -> None:
    lines = (SeenLine("a:1", NOW, NOW), SeenLine("b:2", NOW, NOW))
    both, told = advance(link(), Seen(last_at=NOW, repeated_at=NOW), lines, NOW, RULES)
    still, _ = expire(both, NOW + RULES.duplicate_for, RULES)
    after, ended = expire(both, NOW + RULES.duplicate_for + timedelta(seconds=1), RULES)

    assert [change.change for change in told] == ["online", "duplicate"]
    assert told[1].detail == {"peers": "a:1, b:2"}
    assert (still.duplicate_at, after.duplicate_at) == (NOW, None)
    assert [change.change for change in ended] == ["duplicate_ended", "offline"]


def test_a_clock_is_right_again_only_well_within_its_bound() -> None:
    seen = Seen()
    seen.skews.extend([RULES.clock_off + 1] * 5)
    off, _ = advance(link(), seen, (), NOW, RULES)
    seen.skews.clear()
    seen.skews.extend([RULES.clock_right + 1] * 5)
    still, none = advance(off, seen, (), NOW, RULES)
    seen.skews.extend([0.0] * 10)
    right, told = advance(still, seen, (), NOW, RULES)

    assert (off.clock_off, still.clock_off, none, right.clock_off) == (True, True, [], False)
    assert [change.change for change in told] == ["clock_right"]


def test_strangers_are_bounded_in_memory_and_in_the_journal() -> None:
    rules = {"first": 2, "every": 600, "per_connection": 3, "in_all": 4, "most": 6}
    strangers = Strangers(rules)
    allowed = [(mn, at) for at in (0.0, 1.0, 2.0) for mn in "abcdefgh" if strangers.may_journal(mn, ord(mn) % 2, at)]
    later = [strangers.may_journal("a", 1, at) for at in (61.0, 62.0, 700.0, 701.0)]
    for mn in "abcdefgh":
        strangers.meet(Stranger(mn, NOW, NOW, "p", "32", "2011", "2017"))

    assert allowed == [("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.0)]
    assert later == [True, False, True, False]
    assert ([item.mn for item in strangers.take()], strangers.overflow, strangers.take()) == (list("abcdef"), 2, [])
