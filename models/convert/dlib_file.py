"""Reads the layers of a network that dlib serialized, input layer first. Called by convert.dlib_encoder.

dlib writes C++ templates, not a self-describing format: the order of the layers is defined only in the
program. A layer with weights is found by its name, which counts only if it is preceded by its own
serialized length.

Integers: a control byte (low nibble: how many bytes, 0x80: negative), then little-endian bytes.
Tensors: the integer 2 (a version), four integers for the shape, then little-endian float32.
"""

from __future__ import annotations

import re
from array import array
from math import prod
from typing import NamedTuple

from convert.tensor import Tensor, tensor

# The length before each name is an integer of one byte: 0x01, then the length itself.
MARKER = re.compile(rb"\x01\x05con_4|\x01\x07affine_|\x01\x04fc_2")


class Convolution(NamedTuple):
    """weights: (filters, channels, rows, columns); bias: one per filter."""

    weights: Tensor
    bias: array
    stride: int
    padding: int


class Affine(NamedTuple):
    """Per channel: output = gain * input + offset. The result of batch normalisation after training."""

    gain: array
    offset: array


class FullyConnected(NamedTuple):
    """weights: (inputs, outputs), without a bias."""

    weights: Tensor


def read_layers(data: bytes) -> list[Convolution | Affine | FullyConnected]:
    """The layers with weights, from input to output."""
    readers = {b"con_4": _convolution, b"affine_": _affine, b"fc_2": _fully_connected}
    layers = []
    position = 0
    while marker := MARKER.search(data, position):
        cursor = _Cursor(data, marker.end())
        layers.append(readers[marker.group()[2:]](cursor))
        position = cursor.position
    return layers


class _Cursor:
    """Reads dlib's primitives one after the other."""

    def __init__(self, data: bytes, position: int):
        self.data = data
        self.position = position

    def integer(self) -> int:
        control = self.data[self.position]
        start, end = self.position + 1, self.position + 1 + (control & 0x0F)
        self.position = end
        magnitude = int.from_bytes(self.data[start:end], "little")
        return -magnitude if control & 0x80 else magnitude

    def integers(self, count: int) -> list[int]:
        return [self.integer() for _ in range(count)]

    def floats(self) -> array:
        version = self.integer()
        if version != 2:
            raise ValueError(f"a dlib tensor of version {version}, but only version 2 is supported")
        byte_size = 4 * prod(self.integers(4))
        values = array("f")
        values.frombytes(self.data[self.position : self.position + byte_size])
        self.position += byte_size
        return values


def _convolution(cursor: _Cursor) -> Convolution:
    values = cursor.floats()
    filters, rows, columns, stride, _stride_x, padding, _padding_x = cursor.integers(7)
    channels = (len(values) - filters) // (filters * rows * columns)
    weights = tensor((filters, channels, rows, columns), values[:-filters])
    return Convolution(weights, values[-filters:], stride, padding)


def _affine(cursor: _Cursor) -> Affine:
    values = cursor.floats()
    middle = len(values) // 2
    return Affine(values[:middle], values[middle:])


def _fully_connected(cursor: _Cursor) -> FullyConnected:
    # The sizes precede the weights here, but follow them in a convolution.
    outputs, inputs = cursor.integers(2)
    return FullyConnected(tensor((inputs, outputs), cursor.floats()))
