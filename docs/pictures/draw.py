"""Draws the faces of this folder: nobody's, made of curves and numbers alone.

Writes people.svg, portrait.svg, portrait.map.svg (the same shapes in flat greys) and portrait.landmarks.json beside
itself. README.md says how the other files are made of these.
"""

import json
import math
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

# The regions of the map; the grey level of the first is 1.
REGIONS = ("skin", "clothes", "hair", "neck", "eyes", "upper lip", "lower lip", "brows", "nose")


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
    """A closed shape of a right half: cubic segments downwards from a point on the axis to another."""
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


@dataclass
class Canvas:
    """Shapes of one person, twice: as a drawing, and flat, as a map."""

    name: str
    defs: list = field(default_factory=list)
    drawn: list = field(default_factory=list)
    flat: list = field(default_factory=list)
    blurs: dict = field(default_factory=dict)
    count: int = 0

    def define(self, element):
        self.count += 1
        name = f"{self.name}{self.count}"
        self.defs.append(element.replace(" ", f' id="{name}" ', 1))
        return f"url(#{name})"

    def radial(self, x, y, radius, stops, squeeze=1.0):
        turn = f' gradientTransform="translate({number(x)} {number(y)}) scale(1 {squeeze:.2f})"'
        return self.define(
            f'<radialGradient gradientUnits="userSpaceOnUse" cx="0" cy="0" r="{number(radius)}"{turn}>'
            f"{self.stops(stops)}</radialGradient>"
        )

    def linear(self, x1, y1, x2, y2, stops):
        return self.define(
            f'<linearGradient gradientUnits="userSpaceOnUse" x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" '
            f'y2="{number(y2)}">{self.stops(stops)}</linearGradient>'
        )

    @staticmethod
    def stops(stops):
        return "".join(
            f'<stop offset="{offset:g}" stop-color="{colour}"'
            + (f' stop-opacity="{opacity[0]:g}"' if opacity else "")
            + "/>"
            for offset, colour, *opacity in stops
        )

    def clip(self, path):
        return self.define(f'<clipPath ><path d="{path}"/></clipPath>')

    def blur(self, deviation):
        if deviation not in self.blurs:
            self.blurs[deviation] = self.define(
                f'<filter filterUnits="userSpaceOnUse" x="-250" y="-200" width="500" height="650">'
                f'<feGaussianBlur stdDeviation="{deviation:g}"/></filter>'
            )
        return self.blurs[deviation]

    def shape(self, path, fill, region=None, **more):
        self.drawn.append(f'<path d="{path}" fill="{fill}"{attributes(more)}/>')
        if region:
            self.region(path, region)

    def region(self, path, region):
        level = REGIONS.index(region) + 1
        self.flat.append(f'<path d="{path}" fill="#{level:02x}{level:02x}{level:02x}"/>')

    def line(self, path, stroke, width, **more):
        more = {"stroke_linecap": "round", **more}
        self.drawn.append(
            f'<path d="{path}" fill="none" stroke="{stroke}" stroke-width="{width:g}"{attributes(more)}/>'
        )

    def hairs(self, paths, width, opacity):
        """Many thin lines: paths are pairs of a colour and a path."""
        by_colour = {}
        for colour, path in paths:
            by_colour.setdefault(colour, []).append(path)
        for colour, together in by_colour.items():
            self.line("".join(together), colour, width, opacity=opacity)

    def glow(self, x, y, rx, ry, colour, opacity):
        """A soft spot."""
        fill = self.radial(x, y, rx, [(0, colour, opacity), (0.55, colour, opacity * 0.45), (1, colour, 0)], ry / rx)
        self.drawn.append(
            f'<ellipse cx="{number(x)}" cy="{number(y)}" rx="{number(rx)}" ry="{number(ry)}" fill="{fill}"/>'
        )

    def open(self, flat=True, **more):
        self.drawn.append(f"<g{attributes(more)}>")
        if flat:
            self.flat.append(f"<g{attributes(more)}>")

    def close(self, flat=True):
        self.drawn.append("</g>")
        if flat:
            self.flat.append("</g>")


def attributes(more):
    return "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())


# ---------------------------------------------------------------------------------------------------- parts of a person
# One unit is about a 270th of a head's height; (0, 0) is between the eyes, and y grows downwards.


def face_outline(person):
    jaw = person.jaw
    return mirrored(
        (0, -122),
        [
            ((48, -122), (81, -88), (82, -34)),
            ((83, -8), (81, 22), (75 * (0.5 + jaw / 2), 52)),
            ((69 * jaw, 82), (52 * jaw, 106), (34 * jaw, 122)),
            ((22 * jaw, 132), (12, 135), (0, 135)),
        ],
    )


def body(canvas, person):
    skin, clothes = person.skin, person.clothes
    wide, far = person.neck, person.shoulders
    neck = mirrored(
        (0, 60),
        [
            ((30, 60), (45 * wide, 70), (45 * wide, 90)),
            ((45 * wide, 124), (46 * wide, 142), (60 * wide, 156)),
            ((72 * wide, 168), (90 * wide, 182), (100 * wide, 200)),
            ((110, 290), (40, 290), (0, 290)),
        ],
    )
    fill = canvas.linear(
        -60, 0, 60, 0, [(0, dark(skin, 0.2)), (0.35, skin), (0.6, dark(skin, 0.08)), (1, dark(skin, 0.38))]
    )
    canvas.shape(neck, fill, "neck")
    canvas.open(flat=False, clip_path=canvas.clip(neck))
    canvas.shape(moved(face_outline(person), 8, 30, 0.98, 1), dark(skin, 0.55), opacity=0.6, filter=canvas.blur(9))
    canvas.line("M-32,128C-27,156 -18,176 -8,188", dark(skin, 0.4), 3, opacity=0.3, filter=canvas.blur(2.2))
    canvas.line("M36,124C30,154 20,176 9,188", dark(skin, 0.5), 4, opacity=0.4, filter=canvas.blur(2.2))
    canvas.glow(0, 194, 13, 9, dark(skin, 0.5), 0.4)
    canvas.line("M-16,196C-40,190 -62,188 -84,184", light(skin, 0.35), 4, opacity=0.4, filter=canvas.blur(2.2))
    canvas.line("M16,196C40,190 62,188 84,184", dark(skin, 0.35), 4, opacity=0.35, filter=canvas.blur(2.2))
    canvas.close(flat=False)

    collar = f"C{number(62 * wide)},206 32,224 0,224C-32,224 {number(-62 * wide)},206 {number(-80 * wide)},168"
    shirt = (
        f"M{number(-80 * wide)},168C{number(-100 * far)},178 {number(-132 * far)},186 {number(-156 * far)},206"
        f"C{number(-184 * far)},230 {number(-192 * far)},300 {number(-200 * far)},600"
        f"L{number(200 * far)},600C{number(192 * far)},300 {number(184 * far)},230 {number(156 * far)},206"
        f"C{number(132 * far)},186 {number(100 * far)},178 {number(80 * wide)},168{collar}Z"
    )
    fill = canvas.linear(-180, 190, 180, 330, [(0, light(clothes, 0.16)), (0.45, clothes), (1, dark(clothes, 0.42))])
    canvas.shape(shirt, fill, "clothes")
    canvas.open(flat=False, clip_path=canvas.clip(shirt))
    for side, deep in ((-1, 0.3), (1, 0.45)):
        fold = moved("M136,440C128,360 126,310 134,268", 0, 0, side * far)
        canvas.line(fold, dark(clothes, deep), 10, opacity=0.32, filter=canvas.blur(6))
        canvas.line(
            moved("M78,222C94,262 96,300 86,340", 0, 0, side * far),
            dark(clothes, 0.3),
            9,
            opacity=0.25,
            filter=canvas.blur(6),
        )
    hem = f"M{number(80 * wide)},168{collar}"
    canvas.line(hem, dark(clothes, 0.4), 18, opacity=0.75)
    canvas.line(hem, clothes, 14)
    canvas.line(hem, light(clothes, 0.25), 2.5, opacity=0.35, transform="translate(0 4)")
    canvas.close(flat=False)


def ears(canvas, person):
    ear = "M76,-14C88,-28 99,-18 96,4C94,22 90,38 80,40C74,38 74,10 76,-14Z"
    for side, deep in ((-1, 0.1), (1, 0.28)):
        shape = moved(ear, 0, 0, side)
        canvas.shape(shape, dark(mix(person.skin, person.blush, 0.25), deep), "skin")
        canvas.line(
            moved("M81,-10C90,-16 92,-4 90,8C88,18 85,24 82,30", 0, 0, side),
            dark(person.skin, 0.5),
            2.6,
            opacity=0.5,
            filter=canvas.blur(1),
        )


def head(canvas, person):
    skin = person.skin
    outline = face_outline(person)
    fill = canvas.radial(
        -20,
        -14,
        150,
        [(0, light(skin, 0.22)), (0.4, skin), (0.72, dark(skin, 0.16)), (1, dark(skin, 0.42))],
        1.15,
    )
    canvas.shape(outline, fill, "skin")
    canvas.open(flat=False, clip_path=canvas.clip(outline))
    # The side away from the light, and the rims of cheeks and chin.
    canvas.shape(
        "M96,-130C66,-60 64,-6 70,40C68,84 50,110 14,140L110,150Z",
        dark(skin, 0.6),
        opacity=0.42,
        filter=canvas.blur(13),
    )
    canvas.shape(
        "M-98,-60C-74,-10 -76,44 -60,84C-48,112 -24,126 -4,140L-110,150Z",
        dark(skin, 0.55),
        opacity=0.2,
        filter=canvas.blur(9),
    )
    canvas.glow(-47, 44, 38, 32, person.blush, 0.26)
    canvas.glow(47, 46, 36, 32, person.blush, 0.26)
    canvas.glow(-48, 26, 24, 13, light(skin, 0.65), 0.3)
    canvas.glow(40, 28, 18, 11, light(skin, 0.6), 0.2)
    canvas.glow(-14, -66, 52, 30, light(skin, 0.6), 0.3)
    canvas.glow(-4, 118, 22, 13, light(skin, 0.55), 0.3)
    if person.stubble:
        beard = "M-86,20C-72,40 -58,56 -38,66C-22,58 -10,56 0,58C10,56 22,58 38,66C58,56 72,40 86,20L90,150L-90,150Z"
        colour = mix(person.hair, dark(skin, 0.6), 0.4)
        canvas.shape(beard, colour, opacity=person.stubble, filter=canvas.blur(8))
        canvas.shape(
            "M-34,72C-20,62 -8,61 0,63C8,61 20,62 34,72C24,73 10,70 0,70C-10,70 -24,73 -34,72Z",
            colour,
            opacity=person.stubble,
            filter=canvas.blur(3),
        )
    canvas.close(flat=False)


def eye(canvas, person, side):
    """side: -1 for the eye on the left of the picture, 1 for the other."""
    skin, lids = person.skin, person.lids

    def at(path):
        return moved(path, 37 * side, 0, side, lids)

    socket = dark(skin, 0.55)
    canvas.glow(37 * side, -10, 31, 16, socket, 0.42)
    canvas.glow(20 * side, -4, 13, 16, socket, 0.42 if side < 0 else 0.5)
    canvas.glow(36 * side, 15, 25, 8, dark(mix(skin, person.blush, 0.4), 0.4), 0.4)
    canvas.shape(
        at("M-19,2C-14,-17 10,-20 21,-4C12,-13 -8,-12 -19,2Z"),
        mix(skin, dark(skin, 0.5), 0.35),
        opacity=0.75,
        filter=canvas.blur(1),
    )
    almond = at("M-18,4C-12,-7 -5,-10 2,-10C10,-10 16,-6 19,-2C14,5 8,8 1,8C-7,8 -13,7 -18,4Z")
    white = canvas.radial(37 * side, 1, 20, [(0, "#f7f2ee"), (0.55, "#ece5e1"), (1, "#b9a7a3")])
    canvas.shape(almond, white, "eyes")
    canvas.open(flat=False, clip_path=canvas.clip(almond))
    canvas.glow(37 * side - 17 * side, 4, 5, 4, "#c46a64", 0.7)
    x, y = 37 * side + 0.5, -1.2
    iris = canvas.radial(
        x,
        y,
        9.6,
        [
            (0, dark(person.iris, 0.5)),
            (0.42, person.iris),
            (0.72, light(person.iris, 0.12)),
            (0.86, dark(person.iris, 0.4)),
            (1, dark(person.iris, 0.8)),
        ],
    )
    canvas.drawn.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="9.6" fill="{iris}"/>')
    canvas.drawn.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="4.2" fill="#0b0708"/>')
    canvas.glow(x + 2, y + 5, 6, 4, light(person.iris, 0.6), 0.45)
    canvas.line(
        at("M-18,2C-12,-9 -4,-11 2,-11C10,-11 16,-7 19,-3"), "#1d1214", 7, opacity=0.55, filter=canvas.blur(1.6)
    )
    canvas.close(flat=False)
    canvas.drawn.append(f'<circle cx="{number(x - 3.4)}" cy="{number(y - 4)}" r="1.9" fill="#ffffff" opacity="0.95"/>')
    canvas.drawn.append(f'<circle cx="{number(x + 3.2)}" cy="{number(y + 3)}" r="1" fill="#ffffff" opacity="0.55"/>')
    lash = dark(mix(person.hair, "#1a0d10", 0.6), 0.5)
    top, long = -9.5 - (2.2 + person.lashes), 2 * person.lashes
    line = (
        f"M-19,5C-13,-8 -5,{top:g} 2,{top:g}C11,{top:g} 18,-7 {21 + long:g},{-3 - long:g}"
        "C16,-4 10,-9 2,-9C-4,-9 -12,-6 -19,5Z"
    )
    canvas.shape(at(line), lash)
    canvas.line(at("M-16,-5C-10,-15 -2,-18 4,-17C12,-17 17,-13 21,-8"), dark(skin, 0.6), 1.7, opacity=0.75)
    canvas.line(at("M-15,6C-9,9 -3,9.5 2,9C9,8.5 14,5 19,-1"), dark(skin, 0.6), 1.3, opacity=0.6)
    canvas.line(at("M-14,8C-6,13 6,13 14,7"), light(skin, 0.5), 1.6, opacity=0.35, filter=canvas.blur(0.8))
    canvas.line(at("M-16,14C-6,21 8,20 16,13"), dark(skin, 0.45), 2, opacity=0.3, filter=canvas.blur(1.2))


def brow(canvas, person, side):
    size = person.brow
    chance = random.Random(f"{person.name}{side}")
    upper = [(14, -24), (28, -29 - 3 * size), (48, -33 - 3 * size), (65, -20)]
    lower = [(14, -24 + 5 * size), (28, -28 + 5 * size), (47, -32 + 4 * size), (65, -20)]

    def curve(points):
        (x0, y0), *rest = points
        return f"{number(x0)},{number(y0)}C" + " ".join(f"{number(x)},{number(y)}" for x, y in rest)

    back = list(reversed(lower))
    shape = f"M{curve(upper)}L{curve(back)}Z"
    colour = dark(person.hair, 0.3)
    canvas.shape(moved(shape, 0, 0, side), colour, opacity=0.62, filter=canvas.blur(1.1))
    canvas.region(moved(shape, 0, 0, side), "brows")
    hairs = []
    for step in range(34):
        t = (step + chance.random()) / 35
        x, top = bezier(upper, t)
        _, bottom = bezier(lower, t)
        y = top + (bottom - top) * (0.35 + 0.6 * chance.random())
        long = 7 * size * (1 - t * 0.45)
        lean = math.radians(-75 + 75 * min(1, t * 1.5))
        hair = f"M{number(x)},{number(y)}L{number(x + long * math.cos(lean))},{number(y + long * math.sin(lean) * 0.7)}"
        hairs.append((dark(colour, chance.choice((0.1, 0.35))), moved(hair, 0, 0, side)))
    canvas.hairs(hairs, 1.1, 0.5)


def bezier(points, t):
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    return tuple(sum(weight * point[axis] for weight, point in zip(weights, points)) for axis in (0, 1))


def nose(canvas, person):
    skin, wide = person.skin, person.nose
    deep = dark(skin, 0.6)

    def at(path):
        return moved(path, 0, 0, wide)

    canvas.region(
        at(
            "M0,-14C6,-14 8,-6 9,6C11,22 13,30 20,38C26,44 24,54 16,55C10,55 6,59 0,59C-6,59 -10,55 -16,55"
            "C-24,54 -26,44 -20,38C-13,30 -11,22 -9,6C-8,-6 -6,-14 0,-14Z"
        ),
        "nose",
    )
    canvas.shape(
        at("M7,-16C10,0 11,18 17,32C24,40 26,50 19,54C12,56 8,50 6,40C4,20 3,0 7,-16Z"),
        deep,
        opacity=0.36,
        filter=canvas.blur(3.4),
    )
    canvas.shape(
        at("M-11,-16C-12,2 -13,18 -20,34C-24,40 -24,50 -18,52C-14,48 -12,38 -11,30C-9,14 -9,0 -11,-16Z"),
        deep,
        opacity=0.2,
        filter=canvas.blur(3),
    )
    canvas.line("M-1.5,-14C-2,8 -2,22 -2,34", light(skin, 0.7), 6, opacity=0.32, filter=canvas.blur(2.4))
    canvas.glow(-2.5, 42, 13 * wide, 10, light(skin, 0.75), 0.55)
    canvas.glow(-16 * wide, 45, 6, 6, light(skin, 0.6), 0.25)
    canvas.shape(
        at("M-22,52C-14,57 -8,61 0,62C8,61 14,57 22,52C20,66 -20,66 -22,52Z"), deep, opacity=0.4, filter=canvas.blur(3)
    )
    canvas.line(at("M-21,40C-26,46 -25,54 -18,55"), deep, 2, opacity=0.55, filter=canvas.blur(0.7))
    canvas.line(at("M21,40C26,46 25,54 18,55"), deep, 2.2, opacity=0.7, filter=canvas.blur(0.7))
    canvas.line(at("M-8,56C-4,60 4,60 8,56"), deep, 1.8, opacity=0.5, filter=canvas.blur(0.8))
    for side in (-1, 1):
        canvas.shape(
            moved("M5,55C7,51 12,50 16,53C14,56 9,57 5,55Z", 0, 0, side * wide),
            dark(skin, 0.85),
            opacity=0.8,
            filter=canvas.blur(0.6),
        )
    canvas.line("M-4,64C-4,68 -5,71 -6,74", deep, 3, opacity=0.2, filter=canvas.blur(1.2))
    canvas.line("M4,64C4,68 5,71 6,74", deep, 3, opacity=0.26, filter=canvas.blur(1.2))


def mouth(canvas, person):
    skin, lips, wide = person.skin, person.lips, person.mouth

    def at(path):
        return moved(path, 0, 86, 1, wide)

    for side in (-1, 1):
        canvas.glow(35 * side, 82, 9, 8, dark(skin, 0.6), 0.4)
    canvas.glow(0, 105, 24, 8, dark(skin, 0.6), 0.42)
    upper = at(
        "M-33,-4C-24,-5 -13,-9 -6,-9C-3,-9 -2,-8 0,-8C2,-8 3,-9 6,-9C13,-9 24,-5 33,-4C22,2 10,3 0,3"
        "C-10,3 -22,2 -33,-4Z"
    )
    lower = at("M-33,-4C-22,2 -10,3 0,3C10,3 22,2 33,-4C26,9 13,14 0,14C-13,14 -26,9 -33,-4Z")
    edge = canvas.blur(0.7)
    canvas.shape(upper, canvas.linear(0, 75, 0, 90, [(0, lips), (1, dark(lips, 0.38))]), filter=edge)
    canvas.shape(
        lower,
        canvas.linear(-8, 86, 6, 103, [(0, dark(lips, 0.2)), (0.4, light(lips, 0.16)), (1, dark(lips, 0.18))]),
        filter=edge,
    )
    canvas.region(upper, "upper lip")
    canvas.region(lower, "lower lip")
    canvas.glow(-6, 86 + 7.5 * wide, 15, 4, "#fff4ee", 0.45)
    canvas.line(
        at("M-7,-10.5C-3,-10.5 -2,-9.5 0,-9.5C2,-9.5 3,-10.5 7,-10.5"),
        light(skin, 0.6),
        1.4,
        opacity=0.5,
        filter=canvas.blur(0.6),
    )
    canvas.line(
        at("M-34,-5C-23,2 -10,3 0,3C10,3 23,2 34,-5"), dark(lips, 0.8), 2, opacity=0.85, filter=canvas.blur(0.4)
    )


# ----------------------------------------------------------------------------------------------------------------- hair


def strands(canvas, person, sweeps, clip, count, width=1.4):
    """Single hairs between two curves each, both a start and three control points or a multiple of three."""
    chance = random.Random(f"{person.name}{count}")
    tones = [
        dark(person.hair, 0.28),
        dark(person.hair, 0.42),
        dark(person.hair, 0.58),
        light(person.hair, 0.1),
        light(person.hair, 0.24),
    ]
    hairs = []
    canvas.open(flat=False, clip_path=canvas.clip(clip))
    for one, other in sweeps:
        for step in range(count):
            share = (step + chance.random() * 0.9) / count
            start, *rest = (
                tuple(round(u + (v - u) * share + chance.uniform(-1.5, 1.5)) for u, v in zip(a, b))
                for a, b in zip(one, other)
            )
            path = f"M{start[0]},{start[1]}C" + " ".join(f"{x},{y}" for x, y in rest)
            hairs.append((chance.choice(tones), path))
    canvas.hairs(hairs, width, 0.42)
    canvas.close(flat=False)


def shadow(canvas, person, hair):
    """What the hair throws on the face."""
    canvas.open(flat=False, clip_path=canvas.clip(face_outline(person)))
    canvas.shape(moved(hair, 2, 6), dark(person.skin, 0.75), opacity=0.42, filter=canvas.blur(5))
    canvas.close(flat=False)


def hair_fill(canvas, person, top=-140, bottom=150):
    hair = person.hair
    return canvas.linear(
        -70, top, 70, bottom, [(0, light(hair, 0.1)), (0.3, hair), (0.62, dark(hair, 0.3)), (1, dark(hair, 0.55))]
    )


LONG_BACK = (
    "M0,-146C62,-150 106,-110 108,-44C110,10 102,50 114,96C122,134 118,160 92,190L-92,190"
    "C-118,160 -122,134 -114,96C-102,50 -110,10 -108,-44C-106,-110 -62,-150 0,-146Z"
)
LONG_FRONT = (
    "M-18,-112C-36,-98 -58,-78 -68,-44C-78,-10 -74,30 -84,66C-92,100 -62,130 -66,176"
    "C-68,206 -72,226 -92,240C-112,226 -126,180 -122,140C-118,104 -106,76 -108,20"
    "C-112,-4 -110,-30 -108,-48C-104,-112 -62,-148 0,-148C62,-148 104,-112 108,-48"
    "C110,-30 112,-4 108,20C106,76 118,104 122,140C126,180 112,226 92,240C72,226 66,206 64,176"
    "C60,130 90,100 82,66C74,30 84,-10 74,-46C60,-78 24,-98 -18,-112Z"
)


def long_back(canvas, person):
    canvas.shape(LONG_BACK, dark(person.hair, 0.55), "hair")


def long_front(canvas, person):
    shadow(canvas, person, LONG_FRONT)
    canvas.shape(LONG_FRONT, hair_fill(canvas, person), "hair")
    left = [(-14, -147), (-150, -150), (-106, -10), (-114, 80)], [(-18, -114), (-56, -90), (-74, -50), (-82, 60)]
    right = [(-12, -148), (154, -156), (106, -10), (114, 80)], [(-16, -113), (40, -98), (78, -70), (82, 50)]
    left_lock = [(-110, 20), (-100, 80), (-128, 140), (-98, 240)], [(-78, 0), (-78, 100), (-62, 120), (-84, 240)]
    right_lock = [(110, 20), (100, 80), (128, 140), (98, 240)], [(78, 0), (78, 100), (62, 120), (84, 240)]
    strands(canvas, person, [left, right, left_lock, right_lock], LONG_FRONT, 40)
    canvas.line("M-60,-118C-84,-96 -94,-66 -94,-36", light(person.hair, 0.5), 13, opacity=0.3, filter=canvas.blur(6))
    canvas.line("M36,-124C66,-112 84,-88 90,-56", light(person.hair, 0.5), 11, opacity=0.24, filter=canvas.blur(6))


SHORT_FRONT = (
    "M-82,0C-90,-20 -98,-60 -86,-96C-76,-128 -40,-150 4,-150C52,-152 88,-124 92,-86"
    "C96,-54 90,-20 82,4C80,-10 80,-30 76,-44C72,-60 68,-70 60,-80C44,-78 20,-82 -8,-94"
    "C-30,-92 -56,-82 -66,-66C-74,-50 -78,-26 -82,0Z"
)


def short_front(canvas, person):
    shadow(canvas, person, SHORT_FRONT)
    canvas.shape(SHORT_FRONT, hair_fill(canvas, person, -150, 60), "hair")
    crown = [(-86, -60), (-110, -170), (60, -190), (92, -80)], [(-74, -64), (-70, -136), (30, -140), (66, -84)]
    fringe = [(-66, -68), (-40, -104), (0, -100), (64, -78)], [(-76, -70), (-54, -138), (36, -146), (84, -80)]
    left = [(-66, -72), (-76, -50), (-78, -30), (-82, 2)], [(-88, -94), (-96, -60), (-92, -30), (-82, 2)]
    right = [(62, -80), (76, -50), (78, -30), (82, 4)], [(90, -94), (98, -60), (92, -30), (84, 4)]
    strands(canvas, person, [crown, fringe, left, right], SHORT_FRONT, 34)
    canvas.line("M-62,-104C-40,-132 -6,-138 26,-132", light(person.hair, 0.5), 13, opacity=0.3, filter=canvas.blur(6))


def curls(person, border, radius):
    """A bumpy outline around a closed one of points."""
    chance = random.Random(person.name)
    path = ""
    for at, (x, y) in enumerate(border):
        bump = radius * chance.uniform(0.8, 1.3)
        nx, ny = border[(at + 1) % len(border)]
        if not path:
            path = f"M{number(x)},{number(y)}"
        dx, dy = nx - x, ny - y
        length = math.hypot(dx, dy) or 1
        ox, oy = dy / length * bump, -dx / length * bump
        path += f"C{number(x + ox)},{number(y + oy)} {number(nx + ox)},{number(ny + oy)} {number(nx)},{number(ny)}"
    return path + "Z"


def curly_outline(person):
    outer = [
        (math.cos(a) * 106, -66 + math.sin(a) * 92) for a in (math.radians(155 + step * 230 / 26) for step in range(27))
    ]
    inner = [
        (math.cos(a) * 76, -22 + math.sin(a) * 68) for a in (math.radians(-8 - step * 164 / 14) for step in range(15))
    ]
    return curls(person, outer + inner, 6)


def curly_front(canvas, person):
    outline = curly_outline(person)
    shadow(canvas, person, outline)
    fill = canvas.radial(
        -30, -100, 150, [(0, light(person.hair, 0.13)), (0.4, person.hair), (1, dark(person.hair, 0.6))]
    )
    canvas.shape(outline, fill, "hair")
    canvas.open(flat=False, clip_path=canvas.clip(outline))
    chance = random.Random(person.name + "curls")
    hairs = []
    for _ in range(300):
        angle, far = chance.uniform(0, 2 * math.pi), math.sqrt(chance.random())
        x, y, size = math.cos(angle) * far * 112, -62 + math.sin(angle) * far * 100, chance.uniform(4, 8)
        curl = moved("M-1,0C-1,-1.3 1,-1.3 1,0C1,0.9 -0.4,0.9 -0.4,0", x, y, size * chance.choice((-1, 1)), size)
        is_lit = x * 0.6 + y + 70 < -20 or chance.random() < 0.25
        hairs.append((light(person.hair, chance.choice((0.1, 0.18, 0.26))) if is_lit else dark(person.hair, 0.6), curl))
    canvas.hairs(hairs, 1.7, 0.5)
    canvas.close(flat=False)


def bob_back(canvas, person):
    canvas.shape(BOB_BACK, dark(person.hair, 0.55), "hair")


BOB_BACK = (
    "M0,-140C60,-140 98,-106 100,-46C102,10 104,60 100,110C98,132 88,142 70,146L-70,146"
    "C-88,142 -98,132 -100,110C-104,60 -102,10 -100,-46C-98,-106 -60,-140 0,-140Z"
)
BOB_FRONT = (
    "M24,-116C8,-92 -30,-72 -62,-54C-74,-40 -78,0 -82,40C-84,80 -70,110 -62,138"
    "C-60,152 -76,158 -86,156C-104,152 -114,134 -114,110C-118,60 -110,10 -108,-46"
    "C-106,-112 -64,-150 0,-148C64,-150 106,-112 108,-46C110,10 118,60 114,110"
    "C114,134 104,152 86,156C76,158 60,152 62,138C70,110 86,80 84,40C82,10 84,-20 74,-52"
    "C64,-76 44,-96 24,-116Z"
)


def bob_front(canvas, person):
    shadow(canvas, person, BOB_FRONT)
    canvas.shape(BOB_FRONT, hair_fill(canvas, person, -150, 150), "hair")
    left = [(22, -148), (-160, -156), (-116, 30), (-104, 150)], [(24, -118), (-20, -74), (-84, -60), (-62, 150)]
    right = [(22, -148), (152, -160), (116, 30), (104, 150)], [(25, -117), (70, -80), (90, -30), (62, 150)]
    strands(canvas, person, [left, right], BOB_FRONT, 60)
    canvas.line("M-50,-116C-78,-98 -92,-70 -96,-30", light(person.hair, 0.5), 15, opacity=0.3, filter=canvas.blur(6))
    canvas.line("M52,-122C74,-108 88,-84 94,-50", light(person.hair, 0.5), 11, opacity=0.24, filter=canvas.blur(6))


BACKS = {"long": long_back, "bob": bob_back}
FRONTS = {"long": long_front, "short": short_front, "curly": curly_front, "bob": bob_front}


def draw(person, x, y, scale, tilt=0.0):
    """tilt: degrees, clockwise, about the neck."""
    canvas = Canvas(person.name)
    turn = f"rotate({tilt:g} 0 150)"
    canvas.open(transform=f"translate({x:g} {y:g}) scale({scale:g})")
    if person.style in BACKS:
        canvas.open(transform=turn)
        BACKS[person.style](canvas, person)
        canvas.close()
    body(canvas, person)
    canvas.open(transform=turn)
    if person.style not in BACKS:
        ears(canvas, person)
    head(canvas, person)
    for side in (-1, 1):
        eye(canvas, person, side)
        brow(canvas, person, side)
    nose(canvas, person)
    mouth(canvas, person)
    FRONTS[person.style](canvas, person)
    canvas.close()
    canvas.close()
    return canvas


# ------------------------------------------------------------------------------------------------------------- pictures

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


def document(width, height, defs, content, more=""):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"{more}>\n'
        f"<defs>\n{chr(10).join(defs)}\n</defs>\n{chr(10).join(content)}\n</svg>\n"
    )


def backdrop(width, height, top, bottom):
    defs = (
        f'<linearGradient id="wall" x1="0" y1="0" x2="0" y2="1">'
        f'<stop offset="0" stop-color="{top}"/><stop offset="1" stop-color="{bottom}"/></linearGradient>'
    )
    return defs, f'<rect width="{width}" height="{height}" fill="url(#wall)"/>'


def people():
    width, height = 1200, 700
    defs, wall = backdrop(width, height, "#dfe6ea", "#b4c2c9")
    drawn = [draw(AMARA, 232, 300, 1.22, -3), draw(CARMEN, 968, 308, 1.2, 4), draw(BJARNE, 600, 262, 1.24, 1)]
    content = [wall, *(line for canvas in drawn for line in canvas.drawn)]
    return document(width, height, [defs, *(line for canvas in drawn for line in canvas.defs)], content)


def portrait():
    width, height = 440, 528
    x, y, scale, tilt = 211, 231, 1.23, 9
    defs, wall = backdrop(width, height, "#e9e4dc", "#cbbfb2")
    canvas = draw(DALIA, x, y, scale, tilt)
    drawing = document(width, height, [defs, *canvas.defs], [wall, *canvas.drawn])
    black = f'<rect width="{width}" height="{height}"/>'
    flat = document(width, height, [], [black, *canvas.flat], ' shape-rendering="crispEdges"')
    angle = math.radians(tilt)
    landmarks = []
    for px, py in ((-37, -1), (37, -1), (0, 46), (-33, 82), (33, 82)):
        py -= 150
        turned = px * math.cos(angle) - py * math.sin(angle), px * math.sin(angle) + py * math.cos(angle) + 150
        landmarks.append({"x": round(x + scale * turned[0], 1), "y": round(y + scale * turned[1], 1)})
    return drawing, flat, landmarks


def main():
    drawing, flat, landmarks = portrait()
    (FOLDER / "people.svg").write_text(people())
    (FOLDER / "portrait.svg").write_text(drawing)
    (FOLDER / "portrait.map.svg").write_text(flat)
    lines = ",\n".join(f"  {json.dumps(landmark)}" for landmark in landmarks)
    (FOLDER / "portrait.landmarks.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
