"""The cache key of a kernel follows every function behind it."""

import pytest

from services.detection.domain.compiled import compiled, fingerprint

LIMIT = 1.0


@compiled
def inner(x: float) -> float:
    return x + LIMIT


@compiled
def outer(x: float) -> float:
    return inner(x) * 2.0


def test_fingerprint_is_stable_and_sees_code_constants_and_callees(monkeypatch: pytest.MonkeyPatch):
    before = fingerprint(outer)
    assert fingerprint(outer) == before != 0

    monkeypatch.setitem(outer.py_func.__globals__, "LIMIT", 2.0)
    with_constant = fingerprint(outer)

    @compiled
    def other(x: float) -> float:
        return x - LIMIT

    monkeypatch.setitem(outer.py_func.__globals__, "inner", other)
    assert len({before, with_constant, fingerprint(outer)}) == 3
