"""Arrays of strangers are read without running what is in them."""

import io
import os
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawops_vision.datasets import npy
from drawops_vision.datasets.npy import BadArray, loads


def saved(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def rows(*values: list[Any]) -> np.ndarray[Any, Any]:
    """As Dataset-P&ID's arrays were made: objects in two dimensions."""
    array = np.empty((len(values), len(values[0])), object)
    for place, row in enumerate(values):
        for column, value in enumerate(row):
            array[place, column] = value
    return array


def with_pickle(payload: bytes, shape: tuple[int, ...] = (1,)) -> bytes:
    """An .npy file of objects whose pickle is `payload`."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": shape})
    return file.getvalue() + payload


WORDS = rows(["word_0", [1, 2, 3, 4], "P-101", 0], ["word_1", [5, 6, 7, 8], "é 图", 1])


def test_arrays_of_objects_are_read_as_lists() -> None:
    assert loads(saved(WORDS)) == [["word_0", [1, 2, 3, 4], "P-101", 0], ["word_1", [5, 6, 7, 8], "é 图", 1]]


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_every_protocol_that_numpy_wrote_is_read(protocol: int) -> None:
    assert loads(with_pickle(pickle.dumps(WORDS, protocol), WORDS.shape)) == loads(saved(WORDS))


def test_the_names_that_numpy_1_wrote_are_read() -> None:
    payload = pickle.dumps(WORDS, 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")

    assert loads(with_pickle(payload, WORDS.shape)) == loads(saved(WORDS))


def test_numbers_strings_and_arrays_of_numpy_inside_are_plain_values() -> None:
    array = rows(
        [np.int64(3), np.float32(0.5), np.str_("é"), np.array([[1, 2], [3, 4]]), np.bool_(True), None]
    )

    assert loads(saved(array)) == [[3, 0.5, "é", [[1, 2], [3, 4]], True, None]]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(10, dtype=np.int64).reshape(2, 5),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([["a", "bc"], ["ä", ""]]),
        np.array([[True, False]]),
        np.arange(4, dtype=">i4").reshape(2, 2),
        np.zeros((0, 5), np.int64),
        np.asfortranarray(np.array([["a", "b"], ["c", "d"]], object)),
        np.zeros((0, 4), object),
    ],
)
def test_plain_arrays_and_both_orders_give_what_numpy_gives(array: np.ndarray[Any, Any]) -> None:
    assert loads(saved(array)) == array.tolist()


class Hostile:
    """Runs something when it is unpickled."""

    def __init__(self, call: object, *arguments: object) -> None:
        self._call = (call, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


def test_a_pickle_that_calls_a_shell_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    data = saved(rows([Hostile(os.system, f"touch {mark}")]))
    np.load(io.BytesIO(data), allow_pickle=True)
    assert mark.exists(), "NumPy runs it"
    mark.unlink()

    with pytest.raises(BadArray, match=r"it asks for posix\.system"):
        loads(data)

    assert not mark.exists()


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (eval, ("1+1",)),
        (getattr, ("", "join")),
        (__import__, ("os",)),
        (open, ("/etc/passwd",)),
        (np.load, ("x.npy",)),
        (np.fromfile, ("/etc/passwd",)),
        (io.BytesIO, (b"",)),
        (pickle.loads, (b"N.",)),
        (bytearray, (10**9,)),
    ],
)
def test_nothing_but_arrays_types_and_numbers_can_be_named(
    call: object, arguments: tuple[object, ...]
) -> None:
    with pytest.raises(BadArray, match="it asks for"):
        loads(saved(rows([Hostile(call, *arguments)])))


def test_a_huge_array_is_not_allocated() -> None:
    """`_reconstruct(ndarray, (10**12,), 'b')` and a header that claims as much."""
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(\x8a\x06" + (10**12).to_bytes(
        6, "little"
    )
    payload = b"\x80\x02" + reconstruct + b"t\x8c\x01bt" + b"R."
    with pytest.raises(BadArray):
        loads(with_pickle(payload))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with pytest.raises(BadArray, match="too short or too large"):
        loads(header.getvalue() + b"\0" * 80)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 0)}
    )
    with pytest.raises(BadArray, match="too short or too large"):
        loads(header.getvalue())


def test_a_list_that_holds_itself_ends() -> None:
    endless: list[Any] = ["x"]
    endless.append(endless)

    with pytest.raises(BadArray, match="nested too deep"):
        loads(saved(rows([endless])))


def test_a_small_file_that_stands_for_a_billion_values_ends_soon() -> None:
    layer: list[Any] = ["lol"] * 100
    for _ in range(4):
        layer = [layer] * 100
    started = time.process_time()

    with pytest.raises(BadArray, match=r"more than|too deep"):
        loads(saved(rows([layer])))

    assert time.process_time() - started < 10


def test_a_memo_index_beyond_the_file_is_refused() -> None:
    """The unpickler would make its memo that large."""
    payload = b"\x80\x02Nr" + (2**31 - 1).to_bytes(4, "little") + b"."

    with pytest.raises(BadArray, match="wrong index"):
        loads(with_pickle(payload))


@pytest.mark.parametrize(
    "opcodes",
    [
        b"cposix\nsystem\nq\x00.",  # a name alone
        b"\x82\x01.",  # extension registry
        b"Pid\n.",  # persistent id
        b"(ios\nsystem\n.",  # instance
        b"}.",  # a dict
        b"\x8b\xff\xff\xff\x7f1.",  # a long of 2 GB that is not there
        b"2.",  # nothing to duplicate
        b"",
        b"garbage",
    ],
)
def test_other_pickles_are_refused(opcodes: bytes) -> None:
    with pytest.raises(BadArray):
        loads(with_pickle(b"\x80\x02" + opcodes))


@pytest.mark.parametrize("cut", [0, 5, 40, 127, 150, 200])
def test_a_file_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(BadArray):
        loads(saved(WORDS)[:cut])


def test_other_kinds_of_array_are_refused() -> None:
    with pytest.raises(BadArray):
        loads(saved(np.array([1 + 2j])))
    with pytest.raises(BadArray):
        loads(saved(np.array([(1, 2)], dtype=[("a", "i4"), ("b", "O")])))
    with pytest.raises(BadArray, match="no dimension"):
        loads(saved(np.array(3)))
    with pytest.raises(BadArray, match="shape in its header"):
        loads(with_pickle(pickle.dumps(WORDS, 4), (5, 5)))


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy, "MAX_BYTES", 10)
    path = tmp_path / "large.npy"
    path.write_bytes(b"x" * 11)

    with pytest.raises(BadArray, match="more than"):
        npy.read(path)
