"""Converts published model weights to ONNX; the output is identical on every run.

Called by set_up.parts. Needs only Python's standard library: for 22 MB of weights, installing a
numerical package would cost more than it saves.
"""
