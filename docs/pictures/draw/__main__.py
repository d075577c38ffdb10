"""Draws the faces in this folder from curves and numbers. They belong to no real person.

Writes people.svg, portrait.svg, portrait.map.svg (the same shapes in flat greys) and portrait.landmarks.json beside
this folder. README.md says how the other files are made from these.
"""

import json
import math
from pathlib import Path

from canvas import Canvas
from features import brow, eye, mouth, nose
from hair import BACKS, FRONTS
from head import body, ears, head
from people import AMARA, BJARNE, CARMEN, DALIA

FOLDER = Path(__file__).resolve().parent.parent


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
