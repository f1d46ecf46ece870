"""TLS to the gateway with a real client, and its counters over HTTP."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.ingest.hj212.gateway import serve
from services.ingest.hj212.gateway.metrics import exposition, serve_metrics
from shared.clock import wall
from tests.ingest.hj212.gateway_peers import NOW, QUICK, MemorySink, Peer, data, gateway, until


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate of localhost and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = wall() - timedelta(days=1)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return cert_file, key_file


def server_side(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


async def test_a_logger_speaks_tls_on_a_second_port(certificate: tuple[Path, Path]) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    async with gateway(MemorySink()) as (server, connect):
        port = await server.listen("127.0.0.1", 0, server_side(certificate))
        secure = Peer(*await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="localhost"))
        plain = await connect()
        for peer, mn in ((secure, "M1"), (plain, "M2")):
            await peer.send(data(1, mn=mn))
        answers = [(await peer.answer()).mn for peer in (secure, plain)]
        reached = server.sessions.send("M1", data(2))
        asked = (await secure.answer()).cn
        secure.writer.close()
        await until(lambda: not server.sessions.is_open("M1"))

    assert (answers, reached, asked) == (["M1", "M2"], True, "2011")


async def test_one_port_for_tls_takes_no_plain_frames(certificate: tuple[Path, Path]) -> None:
    sink = MemorySink()
    server = await serve("127.0.0.1", 0, sink, now=lambda: NOW, limits=QUICK, tls=server_side(certificate))
    try:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", server.port))
        await peer.send(data(1))
        ended = await peer.closed()
        peer.writer.close()
    finally:
        await server.stop()

    assert (ended, sink.kept) == (True, [])


async def test_counters_are_served_for_prometheus() -> None:
    async with gateway(MemorySink()) as (server, connect):
        peer = await connect()
        await peer.send(data(1) + data(2, mn="STRANGER"))
        await peer.answer()

        def text() -> str:
            return exposition(server.stats, sessions=len(server.sessions), unjournalled=0)

        metrics = await serve_metrics("127.0.0.1", 0, text)
        address = f"http://127.0.0.1:{metrics.sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient() as client:
            found, missing = [await client.get(f"{address}/{path}") for path in ("metrics", "")]
        metrics.close()

    lines = found.text.splitlines()
    assert (found.status_code, missing.status_code) == (200, 404)
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert {
        "sanse_gateway_frames_total 2", "sanse_gateway_connections 1", "sanse_gateway_sessions 1",
        'sanse_gateway_outcomes_total{name="stored"} 1', 'sanse_gateway_outcomes_total{name="quarantined"} 1',
    } <= set(lines)  # fmt: skip
