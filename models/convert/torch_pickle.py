"""Reads the tensors of an untrusted legacy PyTorch checkpoint without PyTorch.

A pickle can call anything it can name, so only the three names that these checkpoints need are
allowed here, and each maps to a harmless replacement. Called by convert.mtcnn.

The file: four pickles (magic number, protocol, machine facts, the tensors' layout), a pickled list
of storage keys, then for each key an int64 count and that many little-endian float32.
"""

from __future__ import annotations

import pickle
import struct
from array import array
from collections import OrderedDict
from itertools import product
from typing import BinaryIO, NamedTuple

from convert.tensor import Tensor, tensor

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


def read_checkpoint(file: BinaryIO) -> dict[str, Tensor]:
    """All tensors by name. Raises pickle.UnpicklingError for anything other than plain float32 tensors."""
    if _load(file) != MAGIC_NUMBER:
        raise pickle.UnpicklingError("this is not a legacy PyTorch checkpoint")
    _protocol, _machine, views, keys = (_load(file) for _ in range(4))
    storages = {key: _read_storage(file) for key in keys}
    return {name: _gather(view, storages[view.storage_key]) for name, view in views.items()}


class _View(NamedTuple):
    """The position of a tensor in a storage. Strides count values, and need not be contiguous."""

    storage_key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage_key, offset, shape, strides, _requires_grad, _hooks) -> _View:
    return _View(storage_key, offset, tuple(shape), tuple(strides))


class _TensorUnpickler(pickle.Unpickler):
    KNOWN_NAMES = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): "float32",
    }

    def find_class(self, module: str, name: str):
        try:
            return self.KNOWN_NAMES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"refused: the file asks for {module}.{name}") from None

    def persistent_load(self, reference: tuple) -> str:
        kind, element_type, key = reference[:3]
        if (kind, element_type) != ("storage", "float32"):
            raise pickle.UnpicklingError(f"refused: a {kind} of {element_type}")
        return key


def _load(file: BinaryIO):
    return _TensorUnpickler(file).load()


def _read_storage(file: BinaryIO) -> array:
    (count,) = struct.unpack("<q", file.read(8))
    values = array("f")
    values.frombytes(file.read(4 * count))
    if len(values) != count:
        raise pickle.UnpicklingError("the checkpoint ends in the middle of a tensor")
    return values


def _gather(view: _View, storage: array) -> Tensor:
    positions = product(*(range(0, size * stride, stride) for size, stride in zip(view.shape, view.strides)))
    return tensor(view.shape, (storage[view.offset + sum(position)] for position in positions))
