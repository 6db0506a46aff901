"""Plots of the benchmark as SVG text."""

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 320, 64, 40, 30
COLORS = ["#1b6ca8", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#be185d", "#334155"]
TIMES = ["1×", "4×", "16×"]


def lines(series, what, unit):
    """One line per name; its points are at 1, 4 and 16 times the rows. Both axes double from step to step."""
    import math

    values = [value for taken in series.values() for value in taken]
    low, high = math.floor(math.log2(min(values))), math.ceil(math.log2(max(values)))
    high = max(high, low + 1)
    right = WIDTH - 190
    x = lambda i: LEFT + i * (right - LEFT) / (len(TIMES) - 1)
    y = lambda value: HEIGHT - BOTTOM - (math.log2(value) - low) / (high - low) * (HEIGHT - BOTTOM - TOP)
    text = lambda at, value, anchor="middle": f'<text x="{at[0]:.0f}" y="{at[1]:.0f}" text-anchor="{anchor}">{value}</text>'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" font-family="sans-serif" font-size="12">']
    parts.append(text((LEFT, 16), f"{what} of a run, {unit}, against rows", "start"))
    for power in range(low, high + 1):
        at = y(2.0**power)
        parts.append(f'<path d="M{LEFT} {at:.0f}H{right}" stroke="#ddd"/>')
        parts.append(text((LEFT - 6, at + 4), f"{2.0**power:g}", "end"))
    parts += [text((x(i), HEIGHT - BOTTOM + 18), label) for i, label in enumerate(TIMES)]
    for i, (name, taken) in enumerate(series.items()):
        color = COLORS[i % len(COLORS)]
        points = " ".join(f"{x(j):.0f},{y(value):.0f}" for j, value in enumerate(taken))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<text x="{right + 12}" y="{TOP + 10 + 18 * i}" fill="{color}">{name.replace("&", "&amp;")}</text>')
    return "\n".join(parts) + "\n</svg>\n"
