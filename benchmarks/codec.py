"""Frames a second on one core: cut from the stream, checksum, parsed to a packet with its header and all items.

The frames are real ones that the field and public programs have shown, `../shared/data/hj212_frames.jsonl` or the
file named on the command line; they are played round as one stream in reads of 64 KiB. Counted for us: framing by
length, CRC, and `parse_segment` (header fields, every key and text of the data area, notes on what is odd). The
plain Python peer gets each frame cut out already and knows no tolerance, so it is only given frames it can read.
Run: `python -m benchmarks.codec [FILE]`.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks.codec_peer import decode
from benchmarks.report import report, table
from services.ingest.hj212.codec import Frame, Framer, ParseError, parse_segment
from services.ingest.hj212.gateway.__main__ import GARBAGE_THRESHOLDS

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "hj212_frames.jsonl"
FRAMES = 40_000
ROUNDS = 7
READ = 65_536
JAVA_FRAMES_PER_S = 11_500
"""hj-t212-parser (Java), `readDeepMap` with its checksum on, one thread, 173 of 321 public frames accepted: measured
once with JDK 17 on the same kind of machine. Its source is not part of this repository."""


def load(path: Path) -> list[bytes]:
    """Frames with CR LF; ends the run where there are none."""
    if not path.exists():
        sys.exit(f"codec: no frames to measure with: {path} is absent; name a file of one JSON object a line")
    lines = path.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line).get("frame") for line in lines if line.strip()]
    return [text.encode() + b"\r\n" for text in texts if text]


def is_sound(frame: bytes) -> bool:
    """Whether the frame is whole: right length, right checksum of the standard, readable."""
    events = Framer().feed(frame)
    if len(events) != 1 or not isinstance(events[0], Frame) or events[0].repairs:
        return False
    try:
        parse_segment(events[0].segment)
    except ParseError:
        return False
    return True


def is_plain(frame: bytes) -> bool:
    """Whether the peer reads it."""
    try:
        return decode(frame) is not None
    except ValueError:
        return False


def ours(frames: Sequence[bytes]) -> int:
    """Decode the stream; how many events and packets came out."""
    stream = b"".join(frames)
    framer, count = Framer(), 0
    for start in range(0, len(stream), READ):
        for event in framer.feed(stream[start : start + READ]):
            count += 1
            if isinstance(event, Frame):
                try:
                    parse_segment(event.segment)
                except ParseError:
                    continue
    return count


def plain(frames: Sequence[bytes]) -> int:
    """The same by the peer."""
    count = 0
    for frame in frames:
        count += decode(frame) is not None
    return count


def rate(work: Callable[[Sequence[bytes]], int], frames: Sequence[bytes]) -> float:
    """Frames a second of processor time, the best of some rounds."""
    many = list(islice(cycle(frames), FRAMES))
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        count = work(many)
        best = min(best, time.process_time() - began)
        assert count >= len(many), f"{count} of {len(many)} frames came out"
    return len(many) / best


def main() -> None:
    frames = load(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
    sound = [frame for frame in frames if is_sound(frame)]
    readable = [frame for frame in sound if is_plain(frame)]
    gc.set_threshold(*GARBAGE_THRESHOLDS)  # as the gateway does
    speed, speed_sound, speed_same = rate(ours, frames), rate(ours, sound), rate(ours, readable)
    peer = rate(plain, readable)
    print(f"{len(frames)} frames of {sum(map(len, frames)) / len(frames):.0f} bytes on average, {len(sound)} sound")
    rows = [
        ("codec, all, with the damaged and the odd ones", len(frames), speed),
        ("codec, sound frames", len(sound), speed_sound),
        ("codec, frames the peer reads", len(readable), speed_same),
        ("plain Python, table CRC and split, frames cut out already", len(readable), peer),
        ("hj-t212-parser (Java): not run here, figure as published", 173, float(JAVA_FRAMES_PER_S)),
    ]
    table(("what", "frames", "frames/s of one core"), rows)
    report(
        "codec",
        figures={"frames_per_s": speed, "frames_per_s_sound": speed_sound, "frames": len(frames), "sound": len(sound)},
        peers={"plain_python_frames_per_s": peer, "java_frames_per_s": JAVA_FRAMES_PER_S, "java_run": "not run"},
        ratios={"to_plain_python": speed_same / peer, "to_java_published": speed / JAVA_FRAMES_PER_S},
    )


if __name__ == "__main__":
    main()
