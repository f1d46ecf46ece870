"""Opening encrypted frames of HJ 212-2025 with the key of their device."""

from collections.abc import Mapping, Sequence

from services.ingest.domain.packets import KnownDevice
from services.ingest.hj212.codec import Frame, ParseError, Rejected, RejectReason, parse_segment
from services.ingest.hj212.codec.sealing import Sealed, sealed_of, unseal
from services.ingest.hj212.gateway.sink import Received

ENCRYPTED = RejectReason.ENCRYPTED_BODY.value


def find_sealed(batch: Sequence[Received]) -> dict[int, Sealed]:
    """Encrypted frames by their place in the batch."""
    found = {}
    for place, received in enumerate(batch):
        if received.packet is None:
            event, error = received.event, received.error
            hidden = event.reason == ENCRYPTED if isinstance(event, Rejected) else error and error.code == ENCRYPTED
            sealed = sealed_of(event) if hidden else None
            if sealed is not None:
                found[place] = sealed
    return found


def open_sealed(
    batch: Sequence[Received], found: Mapping[int, Sealed], devices: Mapping[str, KnownDevice | None]
) -> list[Received]:
    """The batch with every frame read that a key of its device opens; the others stay as they are."""
    opened = list(batch)
    for place, sealed in found.items():
        device = devices.get(sealed.header.mn)
        if device is None or not device.keys:
            continue
        event = unseal(sealed, *device.keys)
        if isinstance(event, Frame):
            opened[place] = _read(batch[place], event)
    return opened


def _read(received: Received, event: Frame) -> Received:
    try:
        return received._replace(event=event, packet=parse_segment(event.segment), error=None)
    except ParseError as error:
        return received._replace(event=event, packet=None, error=error)
