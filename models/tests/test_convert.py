"""Weights are read as untrusted input, and folding does not change results."""

import io
import os
import pickle
import struct
import unittest
from array import array

import support  # noqa: F401
from convert.dlib_file import Affine, Convolution, FullyConnected, read_layers
from convert.layers import fold_affine, fold_normalisation
from convert.onnx_writer import FLOAT, Graph
from convert.tensor import tensor
from convert.torch_pickle import MAGIC_NUMBER, read_checkpoint


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class TorchPickleTest(unittest.TestCase):
    def test_a_checkpoint_that_refers_to_anything_but_tensors_is_refused(self):
        file = io.BytesIO(pickle.dumps(MAGIC_NUMBER) + pickle.dumps(Call(os.system, "true")))
        with self.assertRaisesRegex(pickle.UnpicklingError, r"refused: the file asks for posix.system"):
            read_checkpoint(file)

    def test_another_file_is_refused(self):
        with self.assertRaisesRegex(pickle.UnpicklingError, "not a legacy PyTorch checkpoint"):
            read_checkpoint(io.BytesIO(pickle.dumps("something else")))

    def test_strides_are_honoured(self):
        file = io.BytesIO(
            b"".join(pickle.dumps(head) for head in (MAGIC_NUMBER, 1001, {}))
            + checkpoint_layout(shape=(2, 3), strides=(1, 2))
            + pickle.dumps(["0"])
            + struct.pack("<q6f", 6, 0, 1, 2, 3, 4, 5)
        )
        self.assertEqual(read_checkpoint(file)["weights"], tensor((2, 3), [0, 2, 4, 1, 3, 5]))


def checkpoint_layout(shape, strides) -> bytes:
    """The pickle of one strided tensor, written by hand since PyTorch is not available here."""
    sizes = b"".join(b"(" + b"".join(b"K" + bytes([size]) for size in sizes) + b"t" for sizes in (shape, strides))
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + b"0X\x03\0\0\0cpuK\x06NtQ"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0" + sizes + b"\x89}tR"
    return b"\x80\x02}X\x07\0\0\0weights" + rebuild + b"s."


class DlibFileTest(unittest.TestCase):
    def test_layers_are_read_in_order_and_only_after_their_length(self):
        data = b"".join(
            (
                b"con_4 in passing",
                b"\x01\x05con_4" + self.floats(1, 2, 3) + self.integers(1, 1, 2, 2, 2, 0, 0),
                b"\x01\x07affine_" + self.floats(4, 5),
                b"\x01\x04fc_2" + self.integers(1, 2) + self.floats(6, 7),
            )
        )
        convolution = Convolution(tensor((1, 1, 1, 2), [1, 2]), array("f", [3]), stride=2, padding=0)
        affine = Affine(array("f", [4]), array("f", [5]))
        self.assertEqual(read_layers(data), [convolution, affine, FullyConnected(tensor((2, 1), [6, 7]))])

    def integers(self, *values: int) -> bytes:
        return b"".join(bytes([1, value]) for value in values)

    def floats(self, *values: float) -> bytes:
        return self.integers(2, len(values), 1, 1, 1) + array("f", values).tobytes()


class FoldingTest(unittest.TestCase):
    """Uses a convolution as large as its picture, which is a sum of products."""

    weights, bias = tensor((1, 3, 1, 2), [1, 2, 3, 4, 5, 6]), array("f", [7])
    picture = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0)

    def test_folded_normalisation_gives_the_same_on_raw_pixels(self):
        mean, scale = (8.0, 16.0, 32.0), 0.5
        normalised = [(pixel - mean[place // 2]) * scale for place, pixel in enumerate(self.picture)]
        folded = fold_normalisation(self.weights, self.bias, mean, scale)
        self.assertEqual(apply(*folded, self.picture), apply(self.weights, self.bias, normalised))

    def test_folded_affine_gives_the_same_as_two_layers(self):
        folded = fold_affine(self.weights, self.bias, array("f", [2]), array("f", [-3]))
        self.assertEqual(apply(*folded, self.picture), 2 * apply(self.weights, self.bias, self.picture) - 3)


def apply(weights, bias, picture) -> float:
    return sum(weight * pixel for weight, pixel in zip(weights.values, picture)) + bias[0]


class OnnxWriterTest(unittest.TestCase):
    def test_a_graph_is_encoded_as_onnx_specifies(self):
        graph = Graph("g")
        graph.input("x", FLOAT, (1, "n"))
        graph.node("Relu", ["x"], "y")
        graph.output("y", (1, "n"))
        shape = b"\x0a\x02\x08\x01" + b"\x0a\x03\x12\x01n"
        value = b"\x12\x0f\x0a\x0d\x08\x01\x12\x09" + shape
        node = b"\x0a\x01x" + b"\x12\x01y" + b"\x1a\x01y" + b"\x22\x04Relu"
        body = b"\x0a\x0f" + node + b"\x12\x01g" + b"\x5a\x14\x0a\x01x" + value + b"\x62\x14\x0a\x01y" + value
        expected = b"\x08\x08" + b"\x12\x06faceql" + b"\x3a" + bytes([len(body)]) + body + b"\x42\x02\x10\x11"
        self.assertEqual(graph.serialize(), expected)

    def test_a_tensor_must_fill_its_shape(self):
        with self.assertRaisesRegex(ValueError, "2 values do not fill"):
            tensor((3,), [1, 2])
