"""Settings of a device and what they do to its frames: tolerance, networks, password, key."""

from typing import Any

import pytest

from services.ingest.hj212.codec import frame
from services.ingest.hj212.codec.sealing import seal
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.contracts.ingest import ReadingKind
from shared.contracts.ingest.links import DeviceDetail, DeviceSettingsChange, PasswordCheck, Tolerance
from tests.ingest.conftest import NOW, Ingest
from tests.ingest.test_gateway import MN, connected
from tests.ingest.test_links import rows, sent, watched


async def settings(ingest: Ingest, version: int = 0, **change: Any) -> DeviceDetail:
    (row,) = (await ingest.client.list_links()).items
    client = ingest.as_(Role.OFFICER)
    return await client.change_device_settings(row.id, DeviceSettingsChange(**change), version=version)


async def outcomes(ingest: Ingest, *frames: bytes) -> list[tuple[str, str | None]]:
    """What becomes of frames by the settings of now: with a fresh gateway, nothing is remembered."""
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        before = len((await ingest.client.list_packets(limit=500)).items)
        await peer.send(*frames)
        await gateway.settle(len(frames))
        found = (await ingest.client.list_packets(limit=500)).items
    return [(item.status.value, item.reason) for item in found[: len(found) - before][::-1]]


async def test_a_device_that_is_learnt_keeps_what_it_needs_and_nothing_new(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    short, blank = sent(value=2.0).replace(b"##0", b"##", 1), sent(value=3.0)
    blank = frame(blank[6:-6].replace(b"w01018-Rtd=", b"w01018-Rtd= "))
    lenient = await outcomes(ingest, sent(), short)
    learnt = await settings(ingest, tolerance=Tolerance.LEARNT)
    with_learnt = await outcomes(ingest, short, blank)
    strict = await settings(ingest, 1, tolerance=Tolerance.STRICT)
    with_strict = await outcomes(ingest, sent(), short)
    await settings(ingest, 2, tolerance=Tolerance.LEARNT, accepted=["blanks"])
    with_blanks = await outcomes(ingest, short, blank)

    stored, refused = ("stored", None), ("quarantined", "repair_not_allowed")
    assert lenient == [stored, stored]
    assert learnt.settings.accepted == ["length_digits"]
    assert with_learnt == [stored, refused]
    assert (strict.settings.version, with_strict) == (2, [stored, refused])
    assert with_blanks == [refused, stored]


async def test_networks_and_the_check_of_the_password_are_the_devices_own(ingest: Ingest) -> None:
    await ingest.outlet(mn=MN)
    await settings(ingest, password="secret", networks=["10.0.0.0/8"])
    elsewhere = await outcomes(ingest, sent(pw="secret"))
    await settings(ingest, 1, networks=["10.0.0.0/8", "127.0.0.1"])
    wrong = await outcomes(ingest, sent(pw="secret"), sent(value=2.0))
    await settings(ingest, 2, password_check=PasswordCheck.REMARK)
    remarked = await outcomes(ingest, sent(value=3.0))
    (line,) = (await ingest.client.list_packets(limit=1)).items

    assert elsewhere == [("quarantined", "address_not_allowed")]
    assert wrong == [("stored", None), ("quarantined", "wrong_password")]
    assert (remarked, line.detail) == ([("stored", None)], "other_password")


@pytest.mark.parametrize(
    ("change", "field"),
    [({"networks": ["10.0.0.1/8"]}, "networks"), ({"accepted": ["magic"]}, "accepted"), ({"sm4_key": "x"}, "sm4_key")],
)
async def test_settings_that_make_no_sense_are_refused(ingest: Ingest, change: dict[str, Any], field: str) -> None:
    await ingest.outlet(mn=MN)
    with pytest.raises(ServiceCallError) as caught:
        await settings(ingest, **change)

    assert (caught.value.status, caught.value.context["field"]) == (422, field)


async def test_the_key_of_a_device_is_told_nowhere(ingest: Ingest, capsys: pytest.CaptureFixture[str]) -> None:
    key, pw = "0123456789abcdef", "pw-of-secret"
    await ingest.outlet(mn=MN)
    device = await settings(ingest, sm4_key=key, password=pw)
    headers = ingest.tokens.headers(Role.SERVICE)
    answers = [
        (await ingest.http.get(path, headers=headers)).text
        for path in (f"/v1/devices/{device.id}", "/v1/links/devices", "/v1/devices", f"/v1/devices/{device.id}/history")
    ]
    trail = await rows(ingest, "select payload from audit_entry order by id")
    stale = await ingest.http.patch(
        f"/v1/devices/{device.id}/settings", json={}, headers={**headers, "If-Match": '"0"'}
    )

    assert (device.settings.has_key, device.has_password) == (True, True)
    assert await rows(ingest, "select key from device_key") == [(key.encode(),)]
    told = [*answers, *(payload for (payload,) in trail), capsys.readouterr().out]
    assert [text for text in told if key in text or pw in text] == []
    assert "device.settings_changed" in trail[-1][0]
    assert stale.status_code == 412
    gone = await settings(ingest, 1, sm4_key="")
    assert (gone.settings.has_key, await rows(ingest, "select key from device_key")) == (False, [])


async def test_encrypted_frames_are_read_with_the_key_of_their_device(ingest: Ingest) -> None:
    key = b"0123456789abcdef"
    outlet = await ingest.outlet(mn=MN)
    sealed = [seal(sent(flag=9, value=number)[6:-6], key) for number in range(3)]
    without = await outcomes(ingest, sealed[0])
    await settings(ingest, sm4_key="another key 1234")
    with_another = await outcomes(ingest, sealed[0])
    await settings(ingest, 1, sm4_key=key.decode(), edition="2025")
    async with watched(ingest) as gateway, connected(gateway.server) as peer:
        await peer.send(*sealed)
        answers = await peer.answers(3)
        await gateway.settle(3)
        open_ = gateway.server.sessions.is_open(MN)
    table = await ingest.client.read_arrow([outlet], ReadingKind.REALTIME, NOW, NOW)
    (line,) = (await ingest.client.list_packets(limit=1)).items

    assert without == with_another == [("quarantined", "encrypted_body")]
    assert [(answer.cn, answer.mn) for answer in answers] == [("9014", MN)] * 3
    assert (open_, table.to_pylist()[0]["value"], line.mn) == (True, 2.0, MN)
    assert await rows(ingest, "select raw from packet order by id desc limit 1") == [(sealed[-1].strip(),)]
    old = seal(sent(flag=9, value=7)[6:-6], b"another key 1234")
    assert await outcomes(ingest, old) == [("stored", None)]  # on its way when the key changed
