# SPDX-License-Identifier: Apache-2.0
"""Bars and lines as SVG, without any library."""
import math
from xml.sax.saxutils import escape

COLOURS = ["#1b6ca8", "#d1495b", "#66a182", "#edae49", "#8d6a9f", "#5c6672", "#00798c", "#a05195"]
WIDTH = 760


def document(height, title, note, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">\n'
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n'
            + text(16, 26, title, size=16) + text(16, height - 10, note, size=10, colour="#666")
            + "".join(parts) + "</svg>\n")


def text(x, y, words, size=13, anchor="start", colour="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}">{escape(str(words))}</text>\n')


def line(x1, y1, x2, y2, colour="#bbb", dashes=""):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-dasharray="{dashes}"/>\n')


def bars(title, note, rows, mark=None):
    """`rows` are (label, value, text beside it); `mark` a (label, value) drawn across all."""
    left, top, step = 250, 56, 30
    scale = (WIDTH - left - 150) / max([value for _, value, _ in rows] + [mark[1] if mark else 0])
    height = top + step * len(rows) + 40
    parts = []
    for number, (label, value, beside) in enumerate(rows):
        y = top + number * step
        colour = COLOURS[0] if label.startswith("lamina") else COLOURS[5]
        parts.append(text(left - 8, y + 15, label, anchor="end"))
        parts.append(f'<rect x="{left}" y="{y}" width="{value * scale:.1f}" height="20" '
                     f'fill="{colour}"/>\n')
        parts.append(text(left + value * scale + 6, y + 15, beside))
    if mark:
        x = left + mark[1] * scale
        parts.append(line(x, top - 8, x, top + step * len(rows), COLOURS[1], "4 3"))
        parts.append(text(x, top - 12, mark[0], size=11, anchor="middle", colour=COLOURS[1]))
    return document(height, title, note, parts)


def lines(title, note, x_label, y_label, series):
    """`series` is {label: [(x, y), ...]}; x is logarithmic, since sweeps multiply."""
    left, top, right, bottom, height = 70, 64, WIDTH - 230, 340, 410
    points = [point for values in series.values() for point in values]
    x_low, x_high = (math.log(end(x for x, _ in points)) for end in (min, max))
    y_high = max(y for _, y in points) * 1.1

    def place(x, y):
        across = (math.log(x) - x_low) / ((x_high - x_low) or 1)
        return left + across * (right - left), bottom - y / y_high * (bottom - top)

    parts = [line(left, bottom, right, bottom), line(left, top, left, bottom),
             text((left + right) / 2, bottom + 38, x_label, anchor="middle"),
             text(left, top - 8, y_label)]
    for x in sorted({x for x, _ in points}):
        parts.append(text(place(x, 0)[0], bottom + 18, f"{x:,}", anchor="middle", size=11))
    for share in (0.25, 0.5, 0.75, 1):
        y = place(min(x for x, _ in points), y_high * share)[1]
        parts.append(line(left, y, right, y, "#eee"))
        parts.append(text(left - 6, y + 4, f"{y_high * share:.0f}", anchor="end", size=11))
    for number, (label, values) in enumerate(series.items()):
        parts.append(curve(label, [place(*point) for point in sorted(values)], number, right))
    return document(height, title, note, parts)


def curve(label, places, number, right):
    colour = COLOURS[number % len(COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>\n'
                   for x, y in places)
    y = 74 + 20 * number
    return (f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>\n{dots}'
            + line(right + 15, y - 4, right + 35, y - 4, colour) + text(right + 42, y, label))
