"""The one error of the set-up, told to the user as it is. Caught in prepare.py."""

from __future__ import annotations


class SetUpFailure(Exception):
    """What failed, and how to go on: two plain sentences or more, never a stack trace."""

    def __init__(self, what: str, how_to_go_on: str):
        super().__init__(f"{what}\n{how_to_go_on}")
        self.what = what
        self.how_to_go_on = how_to_go_on
