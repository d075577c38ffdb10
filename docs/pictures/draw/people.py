"""The people who are drawn. None of them exists."""

from dataclasses import dataclass


@dataclass
class Person:
    name: str
    skin: str
    blush: str
    lips: str
    hair: str
    iris: str
    clothes: str
    style: str
    brow: float = 1.0
    jaw: float = 1.0
    lids: float = 1.0
    nose: float = 1.0
    mouth: float = 1.0
    stubble: float = 0.0
    lashes: float = 1.0
    neck: float = 1.0
    shoulders: float = 1.0


AMARA = Person(
    "amara",
    skin="#8a5a3e",
    blush="#8f3b2c",
    lips="#8f4744",
    hair="#2a1c1a",
    iris="#4a2c1a",
    clothes="#d9a032",
    style="curly",
    jaw=0.96,
    nose=1.16,
    mouth=1.25,
)
BJARNE = Person(
    "bjarne",
    skin="#e8b898",
    blush="#d9705a",
    lips="#bd7468",
    hair="#6b452c",
    iris="#4f7d94",
    clothes="#2f4a6d",
    style="short",
    brow=1.3,
    jaw=1.13,
    lids=0.92,
    nose=1.06,
    mouth=0.9,
    stubble=0.3,
    lashes=0.3,
    neck=1.2,
    shoulders=1.08,
)
CARMEN = Person(
    "carmen",
    skin="#d09a72",
    blush="#c2573f",
    lips="#b4504f",
    hair="#3b2620",
    iris="#6a4a2a",
    clothes="#2e7f78",
    style="long",
    jaw=0.94,
    lids=1.05,
    nose=0.95,
    mouth=1.1,
    lashes=1.2,
    neck=0.92,
    shoulders=0.93,
)
DALIA = Person(
    "dalia",
    skin="#dca886",
    blush="#cc5f4c",
    lips="#b85658",
    hair="#7a3f24",
    iris="#5a7a52",
    clothes="#5b5f97",
    style="bob",
    jaw=0.95,
    lids=1.05,
    nose=0.95,
    mouth=1.08,
    lashes=1.2,
    neck=0.94,
    shoulders=0.98,
)
