"""A body, a head and its ears.

One unit is about a 270th of a head's height; (0, 0) is between the eyes, and y grows downwards.
"""

from shapes import dark, light, mirrored, mix, moved, number


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
