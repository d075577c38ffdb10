"""Installs what FaceQL needs besides its own binary. Called by prepare.py; knows no model format."""
