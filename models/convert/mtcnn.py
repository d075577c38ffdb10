"""Converts the three networks of MTCNN to ONNX. Called by set_up.parts.

Each takes `image`, uint8 RGB as (batch, rows, columns, 3), and returns as float32
the `probability` of a face, and the `regression`: the corrections of the box's left, top, right and
bottom, as fractions of its width and height. ONet also gives `landmarks`: five x, then five y, as fractions
of the box's width and height from its top left corner.

Source: Zhang et al. 2016, "Joint Face Detection and Alignment Using Multi-task Cascaded
Convolutional Networks", in the form of facenet-pytorch's mtcnn.py.
"""

from __future__ import annotations

import io

from convert.layers import fold_normalisation, pixels
from convert.onnx_writer import Graph
from convert.tensor import Tensor, tensor
from convert.torch_pickle import read_checkpoint

MEAN = (127.5, 127.5, 127.5)
SCALE = 1 / 128


def convert_pnet(data: bytes) -> bytes:
    """PNet: a window of 12x12 that slides in steps of 2 over a picture of any size.

    Input (1, rows, columns, 3); outputs (1, map_rows, map_columns) and (1, 4, map_rows, map_columns).
    """
    network = _Network("pnet", data, (1, "rows", "columns", 3))
    value = network.first_layer(2)
    value = network.convolution("conv2", value)
    value = network.convolution("conv3", value)
    network.face_map("conv4_1", value)
    network.box_map("conv4_2", value)
    return network.graph.serialize()


def convert_rnet(data: bytes) -> bytes:
    """RNet: refines candidates of 24x24. Outputs (batch) and (batch, 4)."""
    network = _Network("rnet", data, ("batch", 24, 24, 3))
    value = network.first_layer(3)
    value = network.convolution("conv2", value)
    value = network.pool("pool2", value, 3)
    value = network.convolution("conv3", value)
    value = network.flatten(value)
    value = network.dense_after_planes("dense4", value, channels=64, size=3, slopes="prelu4")
    network.face_score("dense5_1", value)
    network.numbers("dense5_2", value, "regression", 4)
    return network.graph.serialize()


def convert_onet(data: bytes) -> bytes:
    """ONet: decides on candidates of 48x48. Outputs (batch), (batch, 4) and (batch, 10)."""
    network = _Network("onet", data, ("batch", 48, 48, 3))
    value = network.first_layer(3)
    value = network.convolution("conv2", value)
    value = network.pool("pool2", value, 3)
    value = network.convolution("conv3", value)
    value = network.pool("pool3", value, 2)
    value = network.convolution("conv4", value)
    value = network.flatten(value)
    value = network.dense_after_planes("dense5", value, channels=128, size=3, slopes="prelu5")
    network.face_score("dense6_1", value)
    network.numbers("dense6_2", value, "regression", 4)
    network.numbers("dense6_3", value, "landmarks", 10)
    return network.graph.serialize()


class _Network:
    """A graph and the checkpoint with its weights. Layers have their names in the checkpoint."""

    def __init__(self, name: str, data: bytes, image_shape: tuple[int | str, ...]):
        self.weights = read_checkpoint(io.BytesIO(data))
        self.graph = Graph(name)
        self.image = pixels(self.graph, image_shape)
        self._normalise_first_layer()
        self._fill_blocks()

    def _fill_blocks(self) -> None:
        """Rounds the channels between the first two convolutions up to a multiple of 16, with filters that give zero
        and are ignored: ONNX Runtime then keeps its blocked layout through the pool between them."""
        filters = self.weights["conv1.weight"].shape[0]
        spare = -filters % 16
        self.weights["conv1.weight"] = _with_more_rows(self.weights["conv1.weight"], spare)
        self.weights["conv1.bias"] = _with_more_rows(self.weights["conv1.bias"], spare)
        self.weights["prelu1.weight"] = _with_more_rows(self.weights["prelu1.weight"], spare)
        second = self.weights["conv2.weight"]
        area = second.shape[2] * second.shape[3]
        values = (value for row in second.rows for value in [*row, *[0.0] * (spare * area)])
        self.weights["conv2.weight"] = tensor((second.shape[0], filters + spare, *second.shape[2:]), values)

    def _normalise_first_layer(self) -> None:
        weights, bias = self.weights["conv1.weight"], self.weights["conv1.bias"]
        weights, shifted = fold_normalisation(weights, bias.values, MEAN, SCALE)
        self.weights |= {"conv1.weight": weights, "conv1.bias": tensor(bias.shape, shifted)}

    def convolution(self, name: str, value: str) -> str:
        """A convolution and the PReLU of the same number."""
        return self._prelu(name.replace("conv", "prelu"), self._convolve(name, value, name), trailing_axes=2)

    def first_layer(self, pool_size: int) -> str:
        """conv1, its PReLU and pool1, as two convolutions without a separate pass for the PReLU.

        slope * value + (1 - slope) * relu(value): both factors go into the filters, and ONNX Runtime adds within the
        convolution. A slope above 1 has a negative second factor; it rises with its value, so that the PReLU of such a
        channel may follow the pool.
        """
        weights, bias = self.weights["conv1.weight"], self.weights["conv1.bias"]
        slopes = self.weights["prelu1.weight"].values
        below = [slope if slope <= 1 else 1.0 for slope in slopes]
        above = [1 - slope if slope <= 1 else 0.0 for slope in slopes]
        lower = self._scaled_convolution("lower1", weights, bias, below)
        upper = self._scaled_convolution("upper1", weights, bias, above)
        positive = self.graph.node("Relu", [upper], "positive1")
        value = self.pool("pool1", self.graph.node("Add", [lower, positive], "prelu1_sum"), pool_size)
        if max(slopes) <= 1:
            return value
        self.weights["steep1.weight"] = tensor((len(slopes),), (max(slope, 1.0) for slope in slopes))
        return self._prelu("steep1", value, trailing_axes=2)

    def _scaled_convolution(self, name: str, weights: Tensor, bias: Tensor, factors: list[float]) -> str:
        rows = (value * factor for row, factor in zip(weights.rows, factors) for value in row)
        self.weights[f"{name}.weight"] = tensor(weights.shape, rows)
        self.weights[f"{name}.bias"] = tensor(bias.shape, (b * f for b, f in zip(bias.values, factors)))
        return self._convolve(name, self.image, name)

    def pool(self, name: str, value: str, size: int) -> str:
        return self.graph.node("MaxPool", [value], name, kernel_shape=[size] * 2, strides=[2, 2], ceil_mode=1)

    def flatten(self, value: str) -> str:
        return self.graph.node("Flatten", [value], "features", axis=1)

    def dense_after_planes(self, name: str, value: str, channels: int, size: int, slopes: str) -> str:
        """A dense layer on flattened planes. The checkpoint numbers them column first, and the
        channels last; the weights are put into the order in which ONNX flattens."""
        key = f"{name}.weight"
        self.weights[key] = _channels_first(self.weights[key], channels, size)
        return self._prelu(slopes, self._multiply(name, value, name), trailing_axes=0)

    def face_map(self, name: str, value: str) -> None:
        """The probability at each position of the map."""
        self._keep_face_logit(name)
        logit = self._convolve(name, value, name)
        channel_axis = self.graph.integers("channel_axis", [1])
        flat = self.graph.node("Squeeze", [logit, channel_axis], "logit")
        self.graph.node("Sigmoid", [flat], "probability")
        self.graph.output("probability", (1, "map_rows", "map_columns"))

    def box_map(self, name: str, value: str) -> None:
        self._convolve(name, value, "regression")
        self.graph.output("regression", (1, 4, "map_rows", "map_columns"))

    def face_score(self, name: str, value: str) -> None:
        """The probability for each candidate."""
        self._keep_face_logit(name)
        logit = self._multiply(name, value, name)
        flat = self.graph.node("Squeeze", [logit, self.graph.integers("score_axis", [1])], "logit")
        self.graph.node("Sigmoid", [flat], "probability")
        self.graph.output("probability", ("batch",))

    def numbers(self, name: str, value: str, output: str, count: int) -> None:
        self._multiply(name, value, output)
        self.graph.output(output, ("batch", count))

    def _keep_face_logit(self, name: str) -> None:
        """Softmax over "no face" and "face" is the logistic function of their difference."""
        for key in (f"{name}.weight", f"{name}.bias"):
            no_face, face = self.weights[key].rows
            shape = (1, *self.weights[key].shape[1:])
            self.weights[key] = tensor(shape, (yes - no for yes, no in zip(face, no_face)))

    def _convolve(self, name: str, value: str, output: str) -> str:
        kernel = list(self.weights[f"{name}.weight"].shape[2:])
        return self.graph.node("Conv", [value, *self._weights_and_bias(name)], output, kernel_shape=kernel)

    def _multiply(self, name: str, value: str, output: str) -> str:
        return self.graph.node("Gemm", [value, *self._weights_and_bias(name)], output, transB=1)

    def _prelu(self, name: str, value: str, trailing_axes: int) -> str:
        """PReLU, as slope * value + (1 - slope) * relu(value).

        ONNX Runtime computes its own PRelu one number at a time; these four operators take half as long.
        """
        slopes = self.weights[f"{name}.weight"]
        shape = (*slopes.shape, *[1] * trailing_axes)
        below = self.graph.weights(f"{name}_slopes", tensor(shape, slopes.values))
        above = self.graph.weights(f"{name}_rises", tensor(shape, (1 - slope for slope in slopes.values)))
        positive = self.graph.node("Relu", [value], f"{name}_positive")
        lower = self.graph.node("Mul", [value, below], f"{name}_lower")
        upper = self.graph.node("Mul", [positive, above], f"{name}_upper")
        return self.graph.node("Add", [lower, upper], name)

    def _weights_and_bias(self, name: str) -> list[str]:
        return [self.graph.weights(f"{name}_{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]


def _with_more_rows(weights: Tensor, count: int) -> Tensor:
    rows, *rest = weights.shape
    size = len(weights.values) // rows
    return tensor((rows + count, *rest), [*weights.values, *[0.0] * (count * size)])


def _channels_first(weights: Tensor, channels: int, size: int) -> Tensor:
    """Reorders each row from (column, row, channel) to (channel, row, column)."""
    order = [
        (column * size + row) * channels + channel
        for channel in range(channels)
        for row in range(size)
        for column in range(size)
    ]
    return tensor(weights.shape, (row[position] for row in weights.rows for position in order))
