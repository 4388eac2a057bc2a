"""A drawing of lines, dots and words, as the text of an SVG file.

The colours are classes of a style sheet with a light and a dark half, and the ground is painted as well: the reader's
system chooses, and the words are never the colour of the page behind them. The same calls give the same bytes:
numbers are rounded to a hundredth, and nothing of the day or the machine gets in. Pure: no files.
"""

from xml.sax.saxutils import escape, quoteattr

FONT_PX = 12
# The width of a letter of a sans-serif font, on average and rather too much: words are laid out without a font at hand.
LETTER_PX = 6.4
STYLE = """
text { font: %dpx system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24292f; }
.ground { fill: #ffffff; }
.title { font-weight: 600; font-size: 14px; }
.group { font-weight: 600; }
.quiet { fill: #57606a; }
.grid { stroke: #e4e7eb; }
.axis { stroke: #8c959f; }
.one { stroke: #57606a; stroke-width: 1.5; }
.bound { stroke: #9a6700; stroke-width: 2; }
.missed { stroke: #cf222e; stroke-width: 2; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.range { stroke-width: 2; stroke-linecap: round; }
.s0 { stroke: #1f6feb; } .f0 { fill: #1f6feb; }
.s1 { stroke: #bc4c00; } .f1 { fill: #bc4c00; }
.s2 { stroke: #1a7f37; } .f2 { fill: #1a7f37; }
.s3 { stroke: #8250df; } .f3 { fill: #8250df; }
.s4 { stroke: #0e7c86; } .f4 { fill: #0e7c86; }
.s5 { stroke: #bf3989; } .f5 { fill: #bf3989; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.ground { fill: #0d1117; }
.quiet { fill: #9198a1; }
.grid { stroke: #262c36; }
.axis { stroke: #6e7681; }
.one { stroke: #9198a1; }
.bound { stroke: #d29922; }
.missed { stroke: #f85149; }
.s0 { stroke: #58a6ff; } .f0 { fill: #58a6ff; }
.s1 { stroke: #f0883e; } .f1 { fill: #f0883e; }
.s2 { stroke: #3fb950; } .f2 { fill: #3fb950; }
.s3 { stroke: #bc8cff; } .f3 { fill: #bc8cff; }
.s4 { stroke: #39c5cf; } .f4 { fill: #39c5cf; }
.s5 { stroke: #f778ba; } .f5 { fill: #f778ba; }
}
""" % FONT_PX
COLOURS = 6


def number(value):
    """At most two decimals, no exponent, no -0."""
    text = ("%.2f" % value).rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def words_px(text):
    """About how wide words are."""
    return LETTER_PX * len(text)


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height, self.title, self.parts = width, height, title, []

    def _add(self, tag, attributes, inside=None):
        written = "".join(" %s=%s" % (name.replace("_", "-").rstrip("-"), quoteattr(
            value if isinstance(value, str) else number(value))) for name, value in attributes.items()
            if value is not None)
        end = "/>" if inside is None else ">%s</%s>" % (inside, tag)
        self.parts.append("<%s%s%s" % (tag, written, end))

    def line(self, x1, y1, x2, y2, kind):
        self._add("line", {"class": kind, "x1": x1, "y1": y1, "x2": x2, "y2": y2})

    def dot(self, x, y, kind, radius=4, note=None):
        """note is what a reader sees when the pointer rests on the dot."""
        inside = "<title>%s</title>" % escape(note) if note else None
        self._add("circle", {"class": kind, "cx": x, "cy": y, "r": radius}, inside)

    def path(self, points, kind):
        self._add("polyline", {"class": kind, "points": " ".join("%s,%s" % (number(x), number(y)) for x, y in points)})

    def words(self, x, y, text, kind=None, anchor=None):
        """anchor: "middle" or "end" of the words is at x; else their beginning."""
        self._add("text", {"class": kind, "x": x, "y": y, "text_anchor": anchor}, escape(text))

    def text(self):
        head = ('<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" role="img" '
                'aria-label=%s>' % (number(self.width), number(self.height), number(self.width), number(self.height),
                                    quoteattr(self.title)))
        ground = '<rect class="ground" width="100%" height="100%"/>'
        return "\n".join([head, "<title>%s</title>" % escape(self.title), "<style>%s</style>" % STYLE, ground]
                         + self.parts + ["</svg>", ""])
