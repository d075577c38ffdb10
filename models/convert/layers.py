"""Steps that all networks share: reading pixels, and folding arithmetic into weights.

Folded arithmetic is not computed again for every picture: the caller passes raw RGB bytes, and
normalisation and affine layers are part of the adjacent convolutions.
"""

from __future__ import annotations

from array import array
from math import fsum

from convert.onnx_writer import UINT8, Graph
from convert.tensor import Tensor, tensor


def pixels(graph: Graph, shape: tuple[int | str, ...]) -> str:
    """Declares the input `image`, uint8 RGB as (batch, rows, columns, channels), and converts it to
    the layout of convolutions: float32 as (batch, channels, rows, columns)."""
    image = graph.input("image", UINT8, shape)
    planes = graph.node("Transpose", [image], "planes", perm=[0, 3, 1, 2])
    return graph.node("Cast", [planes], "numbers", to=1)


def fold_normalisation(weights: Tensor, bias: array, mean: tuple[float, ...], scale: float) -> tuple[Tensor, array]:
    """A convolution whose output on raw pixels is that of the given one on (pixel - mean) * scale.

    Correct only for a convolution without padding: padding zeros would no longer mean zero.
    """
    _filters, channels, rows, columns = weights.shape
    area = rows * columns
    shifted = array("f")
    for kernel, offset in zip(weights.rows, bias):
        sums = (fsum(kernel[channel * area : (channel + 1) * area]) for channel in range(channels))
        shifted.append(offset - scale * fsum(m * s for m, s in zip(mean, sums)))
    return tensor(weights.shape, (value * scale for value in weights.values)), shifted


def fold_affine(weights: Tensor, bias: array, gain: array, offset: array) -> tuple[Tensor, array]:
    """A convolution whose output is `gain * output + offset` of the given one."""
    scaled = array("f")
    for kernel, factor in zip(weights.rows, gain):
        scaled.extend(value * factor for value in kernel)
    return tensor(weights.shape, scaled), array("f", (b * g + o for b, g, o in zip(bias, gain, offset)))
