"""The value type shared by the readers, the folding and the ONNX writer: a dense float32 tensor."""

from __future__ import annotations

from array import array
from math import prod
from typing import NamedTuple


class Tensor(NamedTuple):
    """Row-major float32 values. len(values) is the product of shape."""

    shape: tuple[int, ...]
    values: array

    @property
    def rows(self) -> list[array]:
        """The values split along the first axis: a convolution's filters, a matrix's rows."""
        width = prod(self.shape[1:])
        return [self.values[start : start + width] for start in range(0, len(self.values), width)]


def tensor(shape: tuple[int, ...], values) -> Tensor:
    """A Tensor from any iterable of numbers; refuses a number of values that does not match the shape."""
    floats = values if isinstance(values, array) else array("f", values)
    if len(floats) != prod(shape):
        raise ValueError(f"{len(floats)} values do not fill the shape {shape}")
    return Tensor(shape, floats)
