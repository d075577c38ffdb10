"""Turns published model weights into ONNX, byte for byte the same on every run.

Called by set_up.parts. Needs nothing but Python's standard library: the weights are 22 MB, so a
package for numbers would cost more to install than it saves.
"""
