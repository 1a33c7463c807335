"""Draws lines over logarithmic or linear axes as SVG."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 300, 220, 56, 34, 62, 28
LEAST = 1e-3
COLOURS = ("#1b6ec2", "#c2521b", "#2e8540", "#7a3ea8")


@dataclass(frozen=True)
class Line:
    """Values over sizes; all above 0 where axes are logarithmic."""

    name: str
    sizes: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """Lines with one unit."""

    title: str
    lines: Sequence[Line]
    is_linear: bool = False


@dataclass(frozen=True)
class Axis:
    """Where values lie on an axis, from 0 to 1, and what is written beside it."""

    marks: Sequence[float]
    place: Callable[[float], float]


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
    values = [value for line in panel.lines for value in line.values]
    scale = _divide_evenly if panel.is_linear else _divide_by_powers
    x_axis, y_axis = scale(sizes), scale(values)

    def place(size: float, value: float) -> tuple[float, float]:
        return round(left + WIDTH * x_axis.place(size), 1), round(TOP + HEIGHT * (1 - y_axis.place(value)), 1)

    parts = [f'<text x="{left}" y="{TOP - 14}" font-size="13" font-weight="bold">{escape(panel.title)}</text>']
    for mark in y_axis.marks:
        _, y = place(x_axis.marks[0], mark)
        parts.append(f'<path d="M{left} {y}h{WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{mark:,g}</text>')
    for mark in x_axis.marks:
        x, y = place(mark, y_axis.marks[0])
        parts.append(f'<text x="{x}" y="{y + 16}" text-anchor="middle">{mark:,g}</text>')
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


def _divide_by_powers(values: Sequence[float]) -> Axis:
    """Return a logarithmic axis from one power of ten to another."""
    least = [max(value, LEAST) for value in values]
    low, high = floor(log10(min(least))), ceil(log10(max(least)))
    marks = [10.0**power for power in range(low, high + 1)]
    return Axis(marks, lambda value: (log10(max(value, LEAST)) - low) / max(high - low, 1))


def _divide_evenly(values: Sequence[float]) -> Axis:
    """Return an axis with about four even steps, each 1, 2 or 5 times a power of ten."""
    width = max(max(values) - min(values), 1e-6)
    power = 10.0 ** floor(log10(width / 4))
    step = next(power * times for times in (1, 2, 5, 10) if power * times * 4 >= width)
    low, high = floor(min(values) / step), max(ceil(max(values) / step), floor(min(values) / step) + 1)
    marks = [round(step * number, 6) for number in range(low, high + 1)]
    return Axis(marks, lambda value: (value / step - low) / (high - low))
