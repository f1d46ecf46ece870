"""Forged, expired and foreign tokens against the verifier every service uses, with identity's real keys."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from shared.auth import TokenVerifier, jwks_from
from shared.clock import wall
from shared.errors import UnauthenticatedError
from shared.testing import Network
from tests.identity.conftest import MakeWorld, World


def pack(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unpack(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, payload


async def forgeries(world: World) -> dict[str, str]:
    token = await world.access_token("zhou")
    header, payload = unpack(token)
    public = (await world.http.get("/.well-known/jwks.json")).json()["keys"][0]
    raised = {**payload, "roles": ["admin"], "scope": "accounts:admin"}
    other = OKPKey.generate_key("Ed25519")
    hs_body = f"{pack({**header, 'alg': 'HS256'})}.{pack(raised)}"
    secret = base64.urlsafe_b64decode(public["x"] + "==")
    hs_signature = hmac.digest(secret, hs_body.encode(), hashlib.sha256)
    signature = token.split(".")[2]
    return {
        "another key under our kid": jwt.encode(header, raised, other, algorithms=["Ed25519"]),
        "another key and kid": jwt.encode({**header, "kid": "x"}, raised, other, algorithms=["Ed25519"]),
        "key inside the header": jwt.encode(
            {"alg": "Ed25519", "jwk": other.as_dict(private=False)}, raised, other, algorithms=["Ed25519"]
        ),
        "no algorithm": f"{pack({**header, 'alg': 'none'})}.{pack(raised)}.",
        "no algorithm, old signature": f"{pack({**header, 'alg': 'none'})}.{pack(raised)}.{signature}",
        "public key as HMAC secret": f"{hs_body}.{pack(hs_signature)}",
        "changed claims": f"{pack(header)}.{pack(raised)}.{signature}",
        "cut signature": token[:-4],
        "empty": "",
        "not a token": "x.y.z",
        "no text": "\u0000",
        "encrypted form": "a.b.c.d.e",
    }


async def test_forged_tokens_are_refused(world: World) -> None:
    for name, forged in (await forgeries(world)).items():
        answer = await world.http.get("/v1/accounts/me", headers=[(b"Authorization", f"Bearer {forged}".encode())])
        assert answer.status_code == 401, name
        assert answer.json()["code"] == "unauthenticated", name
        assert answer.headers["WWW-Authenticate"] == "Bearer", name


async def test_no_bearer_token(world: World) -> None:
    for header in ("", "Bearer", "Bearer ", "Basic eA==", "Token x"):
        answer = await world.http.get("/v1/accounts/me", headers={"Authorization": header})
        assert answer.status_code == 401, header


CLAIMS: list[tuple[dict[str, Any], bool]] = [
    ({}, False),
    ({"iss": "other"}, True),
    ({"iss": None}, True),
    ({"exp": -60}, True),
    ({"exp": None}, True),
    ({"exp": "soon"}, True),
    ({"sub": None}, True),
    ({"enterprise_id": "x"}, True),
    ({"org": "x"}, True),
]


async def test_claims_signed_by_identity_but_wrong(world: World) -> None:
    rows = await world.rows("select private_jwk from signing_keys")
    key = OKPKey.import_key(json.loads(rows[0][0]))
    header, payload = unpack(await world.access_token("zhou"))

    for change, refused in CLAIMS:
        if isinstance(change.get("exp"), int):
            change["exp"] += int(wall().timestamp())
        claims = {name: value for name, value in (payload | change).items() if value is not None}
        token = jwt.encode(header, claims, key, algorithms=["Ed25519"])
        answer = await world.http.get("/v1/accounts/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == (401 if refused else 200), change


async def test_expired_token(make_world: MakeWorld) -> None:
    world: World = await make_world(at=wall() - timedelta(minutes=6))
    token = await world.access_token("zhou")

    with pytest.raises(UnauthenticatedError, match="expired"):
        await world.app.state.verifier.verify(token)


async def test_token_of_another_identity_is_foreign(make_world: MakeWorld) -> None:
    ours, theirs = await make_world(), await make_world()

    with pytest.raises(UnauthenticatedError):
        await ours.app.state.verifier.verify(await theirs.access_token("admin"))


async def test_services_verify_over_http(world: World) -> None:
    network = Network()
    network.apps["identity"] = world.app
    verifier = TokenVerifier(jwks_from("http://identity", network))

    assert (await verifier.verify(await world.access_token("wang"))).name == "wang氏"


async def test_token_of_a_program_has_no_account(world: World) -> None:
    token = (await world.client_token("plant")).json()["access_token"]

    answer: httpx.Response = await world.http.get("/v1/accounts/me", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (404, "account_not_found")
