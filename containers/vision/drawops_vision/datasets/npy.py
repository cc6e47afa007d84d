"""Arrays out of ``.npy`` files of strangers, object arrays included, without running what is in them.

NumPy stores object arrays as pickles, and loading a pickle calls whatever it names: ``np.load(…,
allow_pickle=True)`` on somebody else's file is code execution. Here

1. the header is parsed by NumPy, which evaluates literals only and limits their size;
2. the pickle's opcodes are listed first (`pickletools` executes nothing), and any that an array of lists,
   strings and numbers does not need is refused: no persistent ids, no extension codes, no instances;
3. names resolve to stand-ins of ours that hold their arguments and nothing else, or are refused. NumPy's own
   `_reconstruct` would allocate what the file says, and its `scalar` reinterprets bytes;
4. what comes out is copied into lists, with a limit on depth and number, so that a list that contains itself
   or a small file that stands for a billion references ends as an error.

The layout is that of NEP 1 (versions 1.0 and 2.0) and of `ndarray.__reduce__`, both of NumPy 1 and 2.
"""

import math
import pickle
import pickletools
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

MAX_BYTES = 64 * 2**20
MAX_VALUES = 1_000_000
MAX_DEPTH = 5
_OPCODES = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK"),
        *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
        *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
    )
)
_NUMBERS = re.compile(r"[biuf][1248]|U\d{1,5}")
Value = Any
"""str, int, float, bool, None, or a list of such."""


class BadArray(ValueError):
    """The file is no array that can be read safely; `str()` says why."""


def read(path: Path) -> list[Value]:
    """The array as nested lists, in the order of its indices; objects keep their own nesting below that.

    Raises:
        BadArray: it is damaged, too large, or needs more than lists, strings and numbers.
        OSError: it cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise BadArray(f"{path.name} has more than {MAX_BYTES // 2**20} MB.")
    return loads(path.read_bytes(), path.name)


def loads(data: bytes, name: str = "the array") -> list[Value]:
    """The same from the file's bytes; `name` is for the message."""
    file = BytesIO(data)
    try:
        shape, fortran, dtype = _header(file)
        if dtype.hasobject:
            if dtype.kind != "O":
                raise BadArray("structured arrays of objects are not read")
            found = _unpickled(data[file.tell() :])
            if not isinstance(found, _Array) or found.shape != shape:
                raise BadArray("its pickle holds no array of the shape in its header")
            listed = found.listed(_Budget(), 0)
        else:
            listed = _numbers(dtype, shape, fortran, data[file.tell() :])
    except BadArray as error:
        raise BadArray(f"{name} cannot be read: {error}.") from error
    # What a hostile or damaged pickle can raise is open; whatever it is, there is no array.
    except Exception as error:
        raise BadArray(f"{name} cannot be read: it is damaged ({type(error).__name__}).") from error
    if not isinstance(listed, list):
        raise BadArray(f"{name} cannot be read: it has no dimension.")
    return listed


def _header(file: BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    if version == (2, 0):
        return npy.read_array_header_2_0(file)
    raise BadArray(f"it has the format {version[0]}.{version[1]}")


def _numbers(dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool, data: bytes) -> Value:
    if not _NUMBERS.fullmatch(dtype.str[1:]) and dtype.kind != "b":
        raise BadArray(f"arrays of {dtype} are not read")
    count = math.prod(shape)
    if any(not 0 <= side <= MAX_VALUES for side in shape) or count * dtype.itemsize > len(data):
        raise BadArray(f"it has a shape of {shape}, for which it is too short or too large")
    flat = np.frombuffer(data, dtype, count)
    return flat.reshape(shape, order="F" if fortran else "C").tolist()


class _Budget:
    """How many values may still come."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def take(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise BadArray(f"it holds more than {MAX_VALUES:,} values")


class _Dtype:
    """Stands for `numpy.dtype`."""

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str):
            raise BadArray("a type has no name")
        self.code = code
        self.order = "|"

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise BadArray("a type has no byte order")
        self.order = state[1]

    def numbers(self) -> np.dtype[Any]:
        """NumPy's type, if it is one of numbers or strings."""
        if not _NUMBERS.fullmatch(self.code):
            raise BadArray(f"values of type {self.code!r} are not read")
        return np.dtype(f"{self.order}{self.code}")


class _Array:
    """Stands for `numpy.ndarray`."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self._fortran = False
        self._dtype: _Dtype | None = None
        self._data: list[Any] | bytes = []

    def __setstate__(self, state: object) -> None:
        match state:
            case (_, tuple(shape), _Dtype() as dtype, bool(fortran), list() | bytes() as data):
                if not all(type(side) is int and 0 <= side <= MAX_VALUES for side in shape):
                    raise BadArray("an array has no shape")
                self.shape, self._dtype, self._fortran, self._data = shape, dtype, fortran, data
            case _:
                raise BadArray("an array has no state")

    def listed(self, budget: _Budget, depth: int) -> Value:
        """Nested lists."""
        if self._dtype is None:
            raise BadArray("an array has no content")
        if isinstance(self._data, bytes):
            numbers = _numbers(self._dtype.numbers(), self.shape, self._fortran, self._data)
            for _ in range(math.prod(self.shape)):
                budget.take()
            return numbers
        if math.prod(self.shape) != len(self._data):
            raise BadArray("an array is longer or shorter than its shape")
        cells = np.empty(len(self._data), object)
        for place, value in enumerate(self._data):
            cells[place] = _Cell(_plain(value, budget, depth + 1))
        # Objects are pickled in the order of their indices, whatever their order in memory was.
        nested = cells.reshape(self.shape).tolist()
        return _opened(nested)


class _Cell:
    """Keeps a list in one cell of an object array."""

    def __init__(self, value: Value) -> None:
        self.value = value


def _opened(nested: Value) -> Value:
    return [_opened(part) for part in nested] if isinstance(nested, list) else nested.value


def _reconstruct(kind: object, *_: object) -> _Array:
    """Stands for `numpy.core.multiarray._reconstruct`."""
    if kind is not _Array:
        raise BadArray("it holds other things than arrays")
    return _Array()


def _scalar(dtype: object, data: object = b"") -> Value:
    """Stands for `numpy.core.multiarray.scalar`."""
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
        raise BadArray("a number is damaged")
    kind = dtype.numbers()
    if len(data) != kind.itemsize:
        raise BadArray("a number has another length than its type")
    return np.frombuffer(data, kind)[0].item()


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Stands for `_codecs.encode`, in which protocol 2 wraps bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise BadArray("it holds bytes in an unknown encoding")
    return text.encode("latin1")


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    """Knows the stand-ins only."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as in the base class
        try:
            return _NAMES[module, name]
        except KeyError:
            raise BadArray(f"it asks for {module}.{name}") from None


def _unpickled(data: bytes) -> Value:
    for name, argument in _operations(data):
        if name not in _OPCODES:
            raise BadArray(f"its pickle needs {name}")
        # The unpickler makes its memo as large as the largest index.
        if name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > len(data):
            raise BadArray("its pickle has a wrong index")
    return _Unpickler(BytesIO(data)).load()


def _operations(data: bytes) -> Iterator[tuple[str, Any]]:
    for opcode, argument, _ in pickletools.genops(data):
        yield opcode.name, argument


def _plain(value: Value, budget: _Budget, depth: int) -> Value:
    budget.take()
    if depth > MAX_DEPTH:
        raise BadArray("it is nested too deep")
    if isinstance(value, _Array):
        return value.listed(budget, depth)
    if isinstance(value, list | tuple):
        return [_plain(part, budget, depth + 1) for part in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise BadArray("it holds other things than lists, strings and numbers")
