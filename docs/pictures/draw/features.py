"""Eyes, brows, nose and mouth, in the units of head.py."""

import math
import random

from shapes import dark, light, mix, moved, number


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
