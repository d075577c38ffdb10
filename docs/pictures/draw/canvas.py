"""The canvas of one person."""

from dataclasses import dataclass, field

from shapes import number

# The regions of the map; the grey level of the first is 1.
REGIONS = ("skin", "clothes", "hair", "neck", "eyes", "upper lip", "lower lip", "brows", "nose")


@dataclass
class Canvas:
    """The shapes of one person, twice: as a drawing, and in flat colours as a map."""

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
        """A blurred spot."""
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
