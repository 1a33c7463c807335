"""Draws lines over logarithmic axes as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 300, 220, 56, 34, 62, 28
COLOURS = ("#1b6ec2", "#c2521b", "#2e8540", "#7a3ea8")


@dataclass(frozen=True)
class Line:
    """Values over sizes, all above 0."""

    name: str
    sizes: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """Lines with one unit."""

    title: str
    lines: Sequence[Line]


def draw(panels: Sequence[Panel], *, across: str) -> str:
    """Return panels beside each other."""
    width = len(panels) * (LEFT + WIDTH + GAP)
    parts = [_draw_panel(panel, place * (LEFT + WIDTH + GAP) + LEFT, across) for place, panel in enumerate(panels)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{TOP + HEIGHT + BOTTOM}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *parts, "</svg>\n"])


def _draw_panel(panel: Panel, left: float, across: str) -> str:
    sizes = [size for line in panel.lines for size in line.sizes]
    values = [max(value, 1e-3) for line in panel.lines for value in line.values]
    x_ends, y_ends = (
        (floor(log10(min(sizes))), ceil(log10(max(sizes)))),
        (floor(log10(min(values))), ceil(log10(max(values)))),
    )

    def place(size: float, value: float) -> tuple[float, float]:
        x = left + WIDTH * (log10(size) - x_ends[0]) / max(x_ends[1] - x_ends[0], 1)
        y = TOP + HEIGHT * (1 - (log10(max(value, 1e-3)) - y_ends[0]) / max(y_ends[1] - y_ends[0], 1))
        return round(x, 1), round(y, 1)

    parts = [f'<text x="{left}" y="{TOP - 14}" font-size="13" font-weight="bold">{escape(panel.title)}</text>']
    for power in range(y_ends[0], y_ends[1] + 1):
        _, y = place(10 ** x_ends[0], 10**power)
        parts.append(f'<path d="M{left} {y}h{WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{10**power:,g}</text>')
    for power in range(x_ends[0], x_ends[1] + 1):
        x, y = place(10**power, 10 ** y_ends[0])
        parts.append(f'<text x="{x}" y="{y + 16}" text-anchor="middle">{10**power:,}</text>')
    parts.append(f'<text x="{left + WIDTH / 2}" y="{TOP + HEIGHT + 34}" text-anchor="middle">{escape(across)}</text>')
    for number, line in enumerate(panel.lines):
        points = [place(size, value) for size, value in zip(line.sizes, line.values, strict=True)]
        colour = COLOURS[number % len(COLOURS)]
        joined = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points]
        if len(panel.lines) > 1:
            x = left + WIDTH * number / len(panel.lines)
            parts.append(f'<text x="{x}" y="{TOP + HEIGHT + 52}" fill="{colour}">{escape(line.name)}</text>')
    return "\n".join(parts)
