"""The plain Python peer of the codec benchmark: table checksum and split, nothing for what devices get wrong."""


def _rounds(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return register


TABLE = [_rounds(value) for value in range(256)]


def crc(segment: bytes) -> int:
    register = 0xFFFF
    for byte in segment:
        register = TABLE[(register >> 8) ^ byte]
    return register


def decode(frame: bytes) -> tuple[dict[str, str], list[tuple[str, str]]] | None:
    """(header, items) of one frame that was cut out already; None where length or checksum is wrong."""
    length = int(frame[2:6])
    segment = frame[6 : 6 + length]
    if int(frame[6 + length : 10 + length], 16) != crc(segment):
        return None
    head, _, body = segment.decode().partition("CP=&&")
    header = dict(field.split("=", 1) for field in head.split(";") if field)
    fields = body[:-2].replace(",", ";").split(";")
    return header, [(key, text) for key, _, text in (field.partition("=") for field in fields if field)]
