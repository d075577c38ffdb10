"""Installs what FaceQL needs besides its own binary. Called by prepare.py; does not depend on model formats."""
