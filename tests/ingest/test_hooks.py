"""Webhooks: kept by an administrator, fed exactly once from the outbox, signed, retried, never into our own network."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from standardwebhooks.webhooks import Webhook

from services.ingest.domain.hooks import (
    PAUSES,
    HookAddressError,
    Tried,
    after,
    check_address,
    check_ip,
    is_dead,
    read_networks,
)
from services.ingest.service.hook_sender import HookSender
from shared import feed
from shared.auth import Role
from shared.clients.base import ServiceCallError
from shared.clock import wall
from shared.contracts.ingest.hooks import DeliveryState, HookIn, HookOut, HookType
from tests.ingest.conftest import NOW, Ingest

STATE = HookType.DEVICE_STATE


class Receiver:
    """An address that answers with what is in `answers`, the last one for ever."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)


def _sender(ingest: Ingest, receiver: Receiver, addresses: Sequence[str] = ("93.184.216.34",)) -> HookSender:
    async def resolver(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return HookSender(ingest.app.state.db, ingest.clock, (), transport=httpx.MockTransport(receiver), resolver=resolver)


async def _publish(ingest: Ingest, type_: str, count: int = 1) -> None:
    for number in range(count):
        async with ingest.app.state.db.transaction() as session:
            await feed.publish(session, type_, f"device:{number}", {"number": number}, at=NOW)


async def _hook(ingest: Ingest, url: str = "https://receiver.example/in?x=1", **fields: object) -> HookOut:
    admin = ingest.as_(Role.ADMIN)
    return await admin.add_hook(HookIn(name="platform", url=url, types=[STATE], **fields))  # type: ignore[arg-type]


async def _make_due(ingest: Ingest) -> None:
    async with ingest.app.state.db.transaction() as session:
        await session.execute(text("update hook_delivery set next_at = now() where state = 'waiting'"))


async def _states(ingest: Ingest, hook: HookOut) -> list[tuple[DeliveryState, int, int | None]]:
    page = await ingest.as_(Role.ADMIN).list_deliveries(hook.id)
    return [(item.state, item.attempts, item.status) for item in page.items]


async def test_events_are_sent_once_signed_and_to_the_checked_address(ingest: Ingest) -> None:
    receiver = Receiver(204)
    await _publish(ingest, STATE)
    hook = await _hook(ingest)
    assert hook.secret is not None
    assert hook.secret.startswith("whsec_")
    await _publish(ingest, STATE, 3)
    await _publish(ingest, "ingest.readings.accepted.v1")
    sender = _sender(ingest, receiver)

    await asyncio.gather(sender.step(), sender.step())
    await sender.step()

    # What happened before there was a webhook came too: it stood in the outbox unread.
    assert sorted(json.loads(request.content)["data"]["number"] for request in receiver.requests) == [0, 0, 1, 2]
    request = receiver.requests[0]
    assert str(request.url) == "https://93.184.216.34/in?x=1"
    assert request.headers["host"] == "receiver.example"
    assert request.extensions["sni_hostname"] == "receiver.example"
    told = Webhook(hook.secret).verify(request.content, dict(request.headers))
    assert told["type"] == STATE
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 4
    assert await _states(ingest, hook) == [(DeliveryState.DELIVERED, 1, 204)] * 4


async def test_failures_are_tried_again_under_the_same_id_and_then_given_up(ingest: Ingest) -> None:
    receiver = Receiver(500, httpx.ConnectError("refused"), 302, 200)
    hook = await _hook(ingest)
    await _publish(ingest, STATE)
    sender = _sender(ingest, receiver)
    admin = ingest.as_(Role.ADMIN)

    await sender.step()
    await sender.step()
    assert await _states(ingest, hook) == [(DeliveryState.WAITING, 1, 500)]
    assert (await admin.get_hook(hook.id)).failing_since is not None
    for expected in (
        (DeliveryState.WAITING, 2, None),
        (DeliveryState.WAITING, 3, 302),
        (DeliveryState.DELIVERED, 4, 200),
    ):
        await _make_due(ingest)
        await sender.step()
        assert await _states(ingest, hook) == [expected]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert (await admin.get_hook(hook.id)).failing_since is None

    [delivery] = (await admin.list_deliveries(hook.id)).items
    await admin.replay_delivery(hook.id, delivery.id)
    await sender.step()
    assert len(receiver.requests) == 5
    assert await _states(ingest, hook) == [(DeliveryState.DELIVERED, 1, 200)]


async def test_a_name_that_leads_into_our_network_is_not_called(ingest: Ingest) -> None:
    receiver = Receiver(200)
    hook = await _hook(ingest)
    await _publish(ingest, STATE)

    await _sender(ingest, receiver, ("93.184.216.34", "10.0.0.8")).step()

    assert receiver.requests == []
    [delivery] = (await ingest.as_(Role.ADMIN).list_deliveries(hook.id)).items
    assert "10.0.0.8 is no public address" in delivery.problem


async def test_a_dead_address_is_switched_off_and_can_be_revived(ingest: Ingest) -> None:
    receiver = Receiver(503)
    hook = await _hook(ingest)
    await _publish(ingest, STATE)
    sender, admin = _sender(ingest, receiver), ingest.as_(Role.ADMIN)
    await sender.step()
    async with ingest.app.state.db.transaction() as session:
        await session.execute(text("update hook set failing_since = now() - interval '6 days'"))

    await sender.tidy()

    dead = await admin.get_hook(hook.id)
    assert (dead.active, dead.switched_off, dead.waiting) == (False, True, 1)
    await _make_due(ingest)
    await sender.step()
    assert len(receiver.requests) == 1
    given = HookIn(name=dead.name, url=dead.url, types=dead.types, active=True)
    with pytest.raises(ServiceCallError) as stale:
        await admin.change_hook(hook.id, given, dead.version - 1)
    assert stale.value.status == 412
    revived = await admin.change_hook(hook.id, given, dead.version)
    assert (revived.active, revived.switched_off, revived.failing_since) == (True, False, None)
    receiver.answers = [200]
    await sender.step()
    assert await _states(ingest, hook) == [(DeliveryState.DELIVERED, 2, 200)]


async def test_test_message_and_new_secret(ingest: Ingest) -> None:
    receiver, admin = Receiver(200), ingest.as_(Role.ADMIN)
    hook = await _hook(ingest)
    await admin.send_test_to_hook(hook.id)
    renewed = await admin.rotate_hook_secret(hook.id)
    assert renewed.secret is not None
    assert renewed.secret != hook.secret
    assert (await admin.get_hook(hook.id)).secret is None
    assert [item.secret for item in await admin.list_hooks()] == [None]

    await _sender(ingest, receiver).step()

    told = Webhook(renewed.secret).verify(receiver.requests[0].content, dict(receiver.requests[0].headers))
    assert told["data"] == {"name": "platform"}


async def test_only_an_administrator_keeps_webhooks(ingest: Ingest) -> None:
    hook = await _hook(ingest)
    given = HookIn(name="x", url="https://a.example/", types=[STATE])
    for role in set(Role) - {Role.ADMIN}:
        client = ingest.as_(role, enterprise_id=uuid4())
        for call in (
            client.list_hooks(), client.get_hook(hook.id), client.add_hook(given),
            client.change_hook(hook.id, given, 1), client.rotate_hook_secret(hook.id),
            client.send_test_to_hook(hook.id), client.list_deliveries(hook.id), client.replay_delivery(hook.id, 1),
        ):  # fmt: skip
            with pytest.raises(ServiceCallError) as refused:
                await call
            assert refused.value.status == 403
    admin = ingest.as_(Role.ADMIN)
    for call in (admin.get_hook(UUID(int=1)), admin.list_deliveries(UUID(int=1)), admin.replay_delivery(hook.id, 99)):
        with pytest.raises(ServiceCallError) as missing:
            await call
        assert missing.value.status == 404


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("ftp://a.example/x", "whole address"),
        ("https:///nothing", "whole address"),
        ("https://user:secret@a.example/", "user"),
        ("https://a.example/#part", "fragment"),
        ("http://a.example/plain", "https is needed"),
        ("https://127.0.0.1/", "no public address"),
        ("https://[::1]/", "no public address"),
        ("https://[::ffff:10.0.0.1]/", "no public address"),
        ("https://169.254.169.254/latest", "no public address"),
        ("https://a.example:99999/", "port"),
        ("https://企业.example/", "ASCII"),
    ],
)
def test_addresses_that_are_refused(url: str, word: str) -> None:
    with pytest.raises(HookAddressError, match=word):
        check_address(url, allowed=read_networks("192.168.5.0/24"))


def test_addresses_that_are_allowed() -> None:
    allowed = read_networks("192.168.5.0/24, 10.1.2.3")
    assert check_address("https://a.example/x", allowed=allowed) == ("a.example", 443)
    assert check_address("http://192.168.5.7:8080/x", allowed=allowed) == ("192.168.5.7", 8080)
    check_ip("10.1.2.3", allowed=allowed)
    with pytest.raises(HookAddressError):
        check_ip("10.1.2.4", allowed=allowed)


def test_pauses_grow_and_end() -> None:
    now = wall()
    assert after(Tried(200, ""), 1, now).state is DeliveryState.DELIVERED
    assert after(Tried(410, ""), 1, now).state is DeliveryState.GIVEN_UP
    assert [after(Tried(None, "x"), attempt, now).next_at for attempt in (1, len(PAUSES))] == [
        now + timedelta(seconds=5), now + timedelta(days=1),
    ]  # fmt: skip
    assert after(Tried(500, ""), len(PAUSES) + 1, now).state is DeliveryState.GIVEN_UP
    assert list(PAUSES) == sorted(PAUSES)
    assert not is_dead(None, now)
    assert not is_dead(now - timedelta(days=4), now)
    assert is_dead(now - timedelta(days=6), now)
