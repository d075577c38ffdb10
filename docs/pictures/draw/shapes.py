"""Paths and colours."""

import re

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def number(value):
    return f"{value:.1f}".removesuffix(".0") if round(value, 1) else "0"


def moved(path, dx=0.0, dy=0.0, sx=1.0, sy=1.0):
    """The path, each point scaled, then moved. Paths have absolute commands of whole points only."""
    odd = False

    def place(match):
        nonlocal odd
        odd = not odd
        value = float(match[0])
        return number(value * sx + dx) if odd else number(value * sy + dy)

    return NUMBER.sub(place, path)


def mirrored(top, segments):
    """A closed symmetrical shape from its right half: cubic segments from a point on the axis downwards to another."""
    points = [top, *(point for segment in segments for point in segment)]
    back = [(-x, y) for x, y in reversed(points)][1:]
    steps = [*points[1:], *back]
    cubics = (steps[at : at + 3] for at in range(0, len(steps), 3))
    curves = "".join("C" + " ".join(f"{number(x)},{number(y)}" for x, y in cubic) for cubic in cubics)
    return f"M{number(top[0])},{number(top[1])}{curves}Z"


def mix(one, other, share):
    channels = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in channels)


def dark(colour, share):
    return mix(colour, "#1a0d10", share)


def light(colour, share):
    return mix(colour, "#fff4e6", share)
