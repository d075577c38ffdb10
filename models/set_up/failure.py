"""The setup's only exception, shown to the user unchanged. Caught in prepare.py."""

from __future__ import annotations


class SetUpFailure(Exception):
    """What failed and what to do about it: two or more sentences, never a stack trace."""

    def __init__(self, what: str, how_to_go_on: str):
        super().__init__(f"{what}\n{how_to_go_on}")
        self.what = what
        self.how_to_go_on = how_to_go_on
