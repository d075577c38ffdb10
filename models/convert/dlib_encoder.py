"""Converts dlib's face recognition network to ONNX. Called by set_up.parts.

Input `image`: uint8 RGB, (batch, 150, 150, 3). Output `embedding`: float32, (batch, 128).
Source: dlib's dnn_face_recognition_ex.cpp, which defines the network that the weights belong to.
"""

from __future__ import annotations

from typing import NamedTuple

from convert.dlib_file import Affine, Convolution, FullyConnected, read_layers
from convert.layers import fold_affine, fold_normalisation, pixels
from convert.onnx_writer import Graph
from convert.tensor import tensor

CHIP_SIZE = 150
EMBEDDING_SIZE = 128
MEAN = (122.782, 117.001, 104.298)
SCALE = 1 / 256

# (filters, whether the block halves the picture), from the stem to the embedding.
BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), *[(64, False)] * 3],
    *[(128, True), *[(128, False)] * 2],
    *[(256, True), *[(256, False)] * 2],
    (256, True),
)


def convert_encoder(data: bytes) -> bytes:
    """The .onnx file for the bytes of dlib_face_recognition_resnet_model_v1.dat."""
    return _Encoder(data).build()


class _Activation(NamedTuple):
    """A value of the graph with its shape, which dlib's additions depend on."""

    name: str
    channels: int
    size: int


class _Encoder:
    def __init__(self, data: bytes):
        layers = read_layers(data)
        self.convolutions = _fold_pairs(layers[:-1])
        self.projection: FullyConnected = layers[-1]
        self.graph = Graph("dlib_face_recognition_resnet_v1")

    def build(self) -> bytes:
        graph = self.graph
        value = self._stem(pixels(graph, ("batch", CHIP_SIZE, CHIP_SIZE, 3)))
        for number, (filters, halves) in enumerate(BLOCKS, start=1):
            value = self._block(value, f"block{number}", halves)
            assert value.channels == filters
        if self.convolutions:
            raise ValueError(f"{len(self.convolutions)} convolutions too many in dlib's file")
        average = graph.node("GlobalAveragePool", [value.name], "average")
        features = graph.node("Flatten", [average], "features", axis=1)
        projection = graph.weights("projection", self.projection.weights)
        graph.node("MatMul", [features, projection], "embedding")
        graph.output("embedding", ("batch", EMBEDDING_SIZE))
        return graph.serialize()

    def _stem(self, image: str) -> _Activation:
        first = self.convolutions.pop(0)
        weights, bias = fold_normalisation(first.weights, first.bias, MEAN, SCALE)
        self.convolutions.insert(0, first._replace(weights=weights, bias=bias))
        value = self._relu(self._convolution(_Activation(image, 3, CHIP_SIZE), "stem"))
        pooled = self.graph.node("MaxPool", [value.name], "stem_pool", kernel_shape=[3, 3], strides=[2, 2])
        return _Activation(pooled, value.channels, (value.size - 3) // 2 + 1)

    def _block(self, value: _Activation, name: str, halves: bool) -> _Activation:
        """Two convolutions, added to a shortcut."""
        inner = self._relu(self._convolution(value, f"{name}_first"))
        outer = self._convolution(inner, f"{name}_second")
        shortcut = self._average(value, f"{name}_shortcut") if halves else value
        channels, size = max(outer.channels, shortcut.channels), max(outer.size, shortcut.size)
        sides = [self._grow(side, channels, size).name for side in (outer, shortcut)]
        total = self.graph.node("Add", sides, f"{name}_sum")
        return self._relu(_Activation(total, channels, size))

    def _convolution(self, value: _Activation, name: str) -> _Activation:
        layer = self.convolutions.pop(0)
        filters, channels, kernel, _ = layer.weights.shape
        assert channels == value.channels
        weights = self.graph.weights(f"{name}_weights", layer.weights)
        bias = self.graph.weights(f"{name}_bias", tensor((filters,), layer.bias))
        output = self.graph.node(
            "Conv",
            [value.name, weights, bias],
            name,
            kernel_shape=[kernel] * 2,
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
        )
        return _Activation(output, filters, (value.size + 2 * layer.padding - kernel) // layer.stride + 1)

    def _relu(self, value: _Activation) -> _Activation:
        return value._replace(name=self.graph.node("Relu", [value.name], f"{value.name}_relu"))

    def _average(self, value: _Activation, name: str) -> _Activation:
        pooled = self.graph.node("AveragePool", [value.name], name, kernel_shape=[2, 2], strides=[2, 2])
        return _Activation(pooled, value.channels, (value.size - 2) // 2 + 1)

    def _grow(self, value: _Activation, channels: int, size: int) -> _Activation:
        """Appends zeros at the end of the axes that are too short, as dlib does before it adds."""
        if (value.channels, value.size) == (channels, size):
            return value
        ends = [0, channels - value.channels, size - value.size, size - value.size]
        paddings = self.graph.integers(f"{value.name}_ends", [0, 0, 0, 0, *ends])
        return _Activation(self.graph.node("Pad", [value.name, paddings], f"{value.name}_grown"), channels, size)


def _fold_pairs(layers: list[Convolution | Affine]) -> list[Convolution]:
    """Each convolution, with the affine layer that follows it folded in."""
    folded = []
    for convolution, affine in zip(layers[::2], layers[1::2]):
        weights, bias = fold_affine(convolution.weights, convolution.bias, affine.gain, affine.offset)
        folded.append(convolution._replace(weights=weights, bias=bias))
    return folded
