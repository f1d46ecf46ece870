"""Numba in one place: a typed decorator, and a cache key that sees every function behind a kernel."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.core.dispatcher import Dispatcher
from numba.extending import intrinsic

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Inside a kernel, a step's memory is a bare pointer, indexed like an array: passing arrays from function
# to function costs numba two atomic reference counts each, which was nine tenths of the time of a point.
Memory = Floats
Counter = Integers

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "forceinline": True}


def compiled(function: Function) -> Function:
    """Compile a step on first use inside a kernel; its Python form stays as `.py_func`.

    Division by zero gives inf or NaN as in numpy, so that no step can raise in the middle of a batch.
    """
    return cast("Function", njit(**_OPTIONS)(function))


def given(scalar: Any, dimensions: int = 1) -> Any:
    """Argument that an entry only reads: any contiguous array, also one that came read-only from Arrow."""
    return types.Array(scalar, dimensions, "C", readonly=True)


def entry(*arguments: Any) -> Callable[[Function], Function]:
    """Compile a kernel entry now, or load it from numba's disk cache; it runs without the GIL."""
    compile_now = njit(types.void(*arguments), cache=True, nogil=True, error_model="numpy")
    return cast("Callable[[Function], Function]", compile_now)


def _memory(_context: Any, array: Any, _first: Any) -> Any:
    if isinstance(array, types.CPointer):

        def step(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return builder.gep(args[0], [args[1]])

        return array(array, types.intp), step

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.gep(held.data, [args[1]])

    pointer: Any = types.CPointer
    return pointer(array.dtype)(array, types.intp), code


# memory(array, first): pointer to element `first` of a contiguous 1-D array, which must outlive it.
memory = cast("Callable[[npt.NDArray[Any], int], Any]", intrinsic(_memory))


def fingerprint(*functions: Callable[..., Any]) -> int:
    """Number that changes when any of these compiled functions, or anything they call, changes.

    Numba's disk cache looks only at the file of the entry itself, so that an edited check would go on
    running its old machine code. A kernel closes over this number, which makes it part of the cache key.
    """
    return zlib.crc32("\n".join([repr(_OPTIONS), *_facts(functions, set())]).encode()) + 1


def _facts(value: object, seen: set[int]) -> list[str]:
    if isinstance(value, Dispatcher):
        return [] if id(value) in seen else _code_facts(value, seen)
    if isinstance(value, tuple):
        return [fact for item in value for fact in _facts(item, seen)]
    return [repr(value)] if isinstance(value, int | float | str | bytes | None) else []


def _code_facts(dispatcher: Any, seen: set[int]) -> list[str]:
    seen.add(id(dispatcher))
    function = dispatcher.py_func
    code = function.__code__
    facts = [function.__qualname__, code.co_code.hex(), *_facts(code.co_consts, seen)]
    for name in code.co_names:
        facts += [name, *_facts(function.__globals__.get(name), seen)]
    return facts
