"""Writes an ONNX model in pure Python: a graph is built, then encoded as protocol buffers.

Field numbers are those of onnx.proto3. Fields are written in the order of the calls, so the same
graph always gives the same bytes. Used by convert.mtcnn and convert.dlib_encoder.
"""

from __future__ import annotations

from array import array

from convert.tensor import Tensor

IR_VERSION = 8  # With opset 17, the newest versions that all runtimes of recent years can read.
OPSET_VERSION = 17

FLOAT, UINT8, INT64 = 1, 2, 7  # TensorProto.DataType


class Graph:
    """A graph under construction. Values are referred to by name."""

    def __init__(self, name: str):
        self._name = name
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []

    def input(self, name: str, element_type: int, shape: tuple[int | str, ...]) -> str:
        """Declares an input. A dimension given as a string may vary between calls."""
        self._inputs.append(_value_info(name, element_type, shape))
        return name

    def output(self, name: str, shape: tuple[int | str, ...]) -> None:
        """Declares the float32 value `name`, the result of a node, as an output."""
        self._outputs.append(_value_info(name, FLOAT, shape))

    def weights(self, name: str, value: Tensor) -> str:
        """Adds a float32 constant."""
        self._constants.append(_constant(name, FLOAT, value.shape, value.values.tobytes()))
        return name

    def integers(self, name: str, values: list[int]) -> str:
        """Adds a one-dimensional int64 constant, as used by operators for shapes and paddings."""
        self._constants.append(_constant(name, INT64, (len(values),), array("q", values).tobytes()))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: int | list[int]) -> str:
        """Adds an operator with one output, and returns the output's name."""
        body = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(3, output)
        body += _text(4, operator)
        body += b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())
        self._nodes.append(body)
        return output

    def serialize(self) -> bytes:
        """The whole model as the bytes of an .onnx file."""
        graph = b"".join(_bytes(1, node) for node in self._nodes) + _text(2, self._name)
        for number, messages in ((5, self._constants), (11, self._inputs), (12, self._outputs)):
            graph += b"".join(_bytes(number, message) for message in messages)
        model = _integer(1, IR_VERSION) + _text(2, "faceql") + _bytes(7, graph)
        return model + _bytes(8, _integer(2, OPSET_VERSION))


def _value_info(name: str, element_type: int, shape: tuple[int | str, ...]) -> bytes:
    dimensions = (_text(2, size) if isinstance(size, str) else _integer(1, size) for size in shape)
    shape_message = b"".join(_bytes(1, dimension) for dimension in dimensions)
    tensor_type = _integer(1, element_type) + _bytes(2, shape_message)
    return _text(1, name) + _bytes(2, _bytes(1, tensor_type))


def _constant(name: str, element_type: int, shape: tuple[int, ...], raw: bytes) -> bytes:
    dimensions = b"".join(_integer(1, size) for size in shape)
    return dimensions + _integer(2, element_type) + _text(8, name) + _bytes(9, raw)


def _attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, list):
        return _text(1, name) + b"".join(_integer(8, item) for item in value) + _integer(20, 7)
    return _text(1, name) + _integer(3, value) + _integer(20, 2)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
