"""Hair, in front of and behind a head, in the units of head.py."""

import math
import random

from head import face_outline
from shapes import dark, light, moved, number


def strands(canvas, person, sweeps, clip, count, width=1.4):
    """Single hairs between two curves. Each curve is a start point and a multiple of three control points."""
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
    """The hair's shadow on the face."""
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
    """A bumpy outline around a closed outline given by points."""
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
