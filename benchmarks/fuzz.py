"""The HJ 212 codec under bytes that nobody meant: no crash, no hang, no growth.

Three engines on one target (`benchmarks.fuzz_target`): mutations of real frames with checksums put right again,
hypothesis, and atheris (guided by coverage) where it is installed. `python -m benchmarks.fuzz --seconds 60`.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import mkdtemp
from types import FunctionType

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_target import KEY, Tally, check
from benchmarks.report import report, table
from services.ingest.hj212.codec import Edition, Report, Sender, command, crc16, frame, seal, tables, upload_frames
from shared.clock import wall

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples" / "frames.jsonl"
TOKENS = [
    b"##", b"&&", b"CP=&&", b";", b",", b"=", b"\r\n", b"**", b"Flag=9;", b"Flag=7;", b"PNUM=2;PNO=1;", b"RF=1;", b"//",
    b"QN=20260105080000123;", b"ST=32;", b"CN=2061;", b"CN=3020;", b"CN=9011;", b"CN=1014;", b"MN=M1;", b"{0xE4,0x3E}",
    b"DataTime=20260105080000", b"w01018-Rtd=", b"-Flag=N", b"PolId=w01018", b"i11001-Info=//", b"1e999", b"NaN", b"-",
    "；".encode(), "清洗".encode("gbk"), b"\x00", b"\xff", b"0" * 40,
    b"BeginTime=20260101000000,EndTime=20270101000000",
]  # fmt: skip
GROWTH_MB = 64
"""Memory that caches may take after the first seconds; a leak passes it soon."""
WARM_SHARE = 0.2
LONGEST_START = 300.0
LONGEST_SILENCE = 120.0
SECONDS_AN_INPUT = 60
"""Real time after which atheris calls an input a hang and prints it; the target itself counts CPU time."""


def corpus() -> list[bytes]:
    """Frames to begin with: examples of the documentation and one of every kind the codec writes."""
    made = [json.loads(line)["frame"].encode() for line in EXAMPLES.read_text("utf-8").splitlines()]
    when = wall().replace(microsecond=0)
    for edition in (Edition.V2005, Edition.V2017, Edition.V2025):
        for key in (None, KEY):
            sender = Sender("M1", "32", edition=edition, key=key)
            items = [(f"w{n:05}", [("Avg", n + 0.5), ("Min", n), ("Flag", "N")]) for n in range(40)]
            for cn in ("2011", "2051", "2061", "2031"):
                qns = [f"2026010508000{n:04}" for n in range(9)]
                made += upload_frames(sender, Report(cn, when, items, ack_wanted=True, late=True), qns=qns)
            for cn in tables.commands():
                params = [("PolId", "w01018"), ("InfoId", "i13004"), ("i13004-Info", "168.0")]
                made.append(command(sender, cn, params, qn="20260105080000123", ack_wanted=True))
    made.append(seal(b"ST=31;CN=2051;PW=1;MN=M1;Flag=9;CP=&&DataTime=20260105080000;a21026-Avg=1&&", KEY))
    return made


def mutant(frames: list[bytes], rng: random.Random) -> bytes:
    """One to six frames, hurt in a few places; in half of the cases length and checksum are made to fit again."""
    pieces = []
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        data = rng.choice(frames)
        for _ in range(rng.choice((0, 1, 1, 2, 4, 12))):
            data = _hurt(data, frames, rng)
        if rng.random() < 0.5:
            segment = data[6:].rstrip(b"\r\n")[:-4]
            data = (
                frame(segment[:9999]) if rng.random() < 0.8 else b"##%d%b%x" % (len(segment), segment, crc16(segment))
            )
        pieces.append(data)
    return b"".join(pieces)[:20_000]


def _hurt(data: bytes, frames: list[bytes], rng: random.Random) -> bytes:
    at, to = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    to = min(to, at + rng.choice((1, 1, 2, 4, 16, 200)))
    kind = rng.randrange(6)
    if kind == 0:
        return data[:at] + rng.randbytes(to - at) + data[to:]
    if kind == 1:
        return data[:at] + data[to:]
    if kind == 2:
        return data[:to] + data[at:to] * rng.choice((1, 2, 50)) + data[to:]
    if kind == 3:
        other = rng.choice(frames)
        return data[:at] + other[rng.randrange(len(other)) :]
    return data[:at] + rng.choice(TOKENS) + data[at if kind == 4 else to :]


def mutate(seconds: float, seed: int) -> Tally:
    """Mutations of real frames."""
    rng, tally, frames = random.Random(seed), Tally(), corpus()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        _guard(mutant(frames, rng), tally, rng)
    return tally


def invent(seconds: float, seed: int) -> Tally:
    """Hypothesis: bytes it makes up, plain and framed, and what it puts together from the words of the protocol."""
    tally, rng = Tally(), random.Random(seed)
    words = st.lists(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=12), st.text(max_size=6).map(str.encode)))
    parts = words.map(b"".join)
    heads = st.tuples(st.sampled_from(sorted(tables.commands())), st.integers(0, 12)).map(
        lambda pair: f"QN=20260105080000123;ST=32;CN={pair[0]};PW=1;MN=M1;Flag={pair[1]};CP=&&".encode()
    )
    segments = st.tuples(heads, parts).map(lambda pair: frame(pair[0] + pair[1][:9000] + b"&&"))
    streams = st.one_of(segments, st.binary(max_size=300), parts, parts.map(lambda body: frame(body[:9999])),
                        st.lists(parts.map(lambda body: frame(body[:9999])), max_size=4).map(b"".join))  # fmt: skip
    until = time.monotonic() + seconds
    number = 0
    while time.monotonic() < until:
        number += 1

        @settings(max_examples=400, database=None, deadline=None, suppress_health_check=list(HealthCheck),
                  phases=[Phase.generate, Phase.shrink])  # fmt: skip
        @given(streams)
        def run(data: bytes) -> None:
            if time.monotonic() < until:
                _guard(data, tally, rng)

        run()
    return tally


def guide(seconds: float, seed: int) -> Tally:
    """Atheris: coverage tells it which bytes lead somewhere new. Runs until the time is up, then is ended."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_guided, args=(seconds, seed, sender))
    child.start()
    sender.close()
    tally = Tally()
    # Instrumenting takes its time on a busy machine: the clock starts with the first message.
    patience = LONGEST_START
    while receiver.poll(patience):
        try:
            tally = receiver.recv()
        except EOFError:
            break
        patience = LONGEST_SILENCE
    child.join(LONGEST_SILENCE)
    if child.exitcode != 0:
        child.kill()
        what = "hangs or could not start" if child.exitcode is None else "found something; its input stands above"
        raise SystemExit(f"atheris {what} (exit code {child.exitcode}, {tally.inputs} inputs tried)")
    return tally


def _guided(seconds: float, seed: int, out: "Connection") -> None:
    import atheris  # type: ignore[import-not-found]

    for function in _functions():
        atheris.instrument_func(function)
    tally, rng = Tally(), random.Random(seed)
    until = time.monotonic() + seconds
    folder = Path(mkdtemp(prefix="fuzz-"))
    for number, wire in enumerate(corpus()):
        # An odd first byte stands for a stream, as `#` does; an even one for a segment to be framed.
        (folder / f"{number}-stream").write_bytes(wire)
        (folder / f"{number}-segment").write_bytes(b"0" + wire[6:].rstrip(b"\r\n")[:-4])

    def one(data: bytes) -> None:
        if data:
            _guard(data if data[0] & 1 else frame(data[1:9999]), tally, rng)
        if (tally.inputs % 500 == 0 and tally.inputs) or time.monotonic() > until:
            out.send(tally)
        if time.monotonic() > until:
            out.close()
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)  # libFuzzer has no other way to end with the time

    out.send(tally)
    limits = [f"-seed={seed}", f"-timeout={SECONDS_AN_INPUT}", "-rss_limit_mb=2048", "-verbosity=0"]
    atheris.Setup([sys.argv[0], str(folder), *limits], one)
    atheris.Fuzz()


def _functions() -> Iterator[FunctionType]:
    """Functions and methods of the codec and the park: coverage of anything else is not wanted and takes minutes."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("services.ingest.hj212.codec", "park.")):
            classes = [value for value in vars(module).values() if isinstance(value, type)]
            for holder in (module, *(value for value in classes if value.__module__ == name)):
                for value in list(vars(holder).values()):
                    if isinstance(value, FunctionType) and value.__module__ == name:
                        yield value


def _guard(data: bytes, tally: Tally, rng: random.Random) -> None:
    try:
        check(data, tally, rng)
    except BaseException:
        print(f"input that failed ({len(data)} bytes): {data!r}", flush=True)
        raise


def _rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--engine", choices=("mutation", "hypothesis", "atheris"), help="only one of them")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    engines: dict[str, Callable[[float, int], Tally]] = {"mutation": mutate, "hypothesis": invent}
    if importlib.util.find_spec("atheris") is not None:
        engines["atheris"] = guide
    if options.engine:
        engines = {name: run for name, run in engines.items() if name == options.engine}
    share = options.seconds / max(1, len(engines))
    mutate(share * WARM_SHARE, options.seed + 1)
    warm = _rss_mb()
    tallies = {
        name: run(share * (1 - WARM_SHARE * (name == "mutation")), options.seed) for name, run in engines.items()
    }
    growth = _rss_mb() - warm
    rows = [
        (name, tally.inputs, tally.size, tally.outcomes["frame"], tally.outcomes["packet"], tally.slowest * 1000)
        for name, tally in tallies.items()
    ]
    table(("engine", "inputs", "bytes", "frames", "packets", "slowest ms"), rows)
    outcomes: Counter[str] = sum((tally.outcomes for tally in tallies.values()), start=Counter())
    table(("outcome", "times"), outcomes.most_common())
    assert growth < GROWTH_MB, f"memory grew by {growth:.0f} MB"
    report(
        "fuzz",
        figures={
            "seconds": options.seconds,
            **{f"inputs_{name}": tally.inputs for name, tally in tallies.items()},
            "frames": outcomes["frame"],
            "packets": outcomes["packet"],
            "crashes": 0,
            "slowest_ms": round(max(tally.slowest for tally in tallies.values()) * 1000, 2),
            "growth_mb": round(growth, 1),
        },
        peers={"atheris": "yes" if "atheris" in engines else "not installed"},
    )


if __name__ == "__main__":
    main()
