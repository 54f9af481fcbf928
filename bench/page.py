"""docs/performance.md and its picture, out of what was kept. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from bench.measured import Result, percentile, result_of

WIDTH, LEFT, BAR, GAP = 900, 400, 16, 10
END = 1.6


@dataclass(frozen=True)
class Group:
    """What one run of one group found.

    Attributes:
        when: date of the run. load: of the machine just before it. rounds: how many were counted.
    """

    name: str
    when: str
    load: float
    rounds: int
    results: tuple[Result, ...]


def group_of(name: str, kept: Mapping[str, Any]) -> Group:
    """A group as bench/results.json holds it."""
    results = tuple(result_of(row) for row in kept["results"])
    return Group(name, kept["when"], kept["load"], kept["rounds"], results)


def number(value: float, unit: str) -> str:
    """A figure as people read it: `48 ms`, `3.21 s`, `0 requests`."""
    if unit != "s":
        return f"{value:g} {unit}"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def limits(result: Result) -> str:
    """What was asked for: `ratio 0.6, 1.20 s`."""
    asked = [f"ratio {result.most:g}"] if result.most is not None else []
    if result.longest is not None:
        asked.append(number(result.longest, result.unit))
    return ", ".join(asked) or "no goal"


def verdict(result: Result) -> str:
    return {None: "", True: "met", False: "**missed**"}[result.is_met]


def line(result: Result) -> str:
    """One row of the table."""
    ours = number(statistics.median(result.ours), result.unit)
    worst = number(percentile(result.ours, 0.9), result.unit)
    plain = number(statistics.median(result.plain), result.unit) if result.plain else ""
    ratio = f"{result.ratio:.2f}" if result.ratio is not None else ""
    what = f"{result.name}, beside {result.plain_name}" if result.plain_name else result.name
    cells = (result.goal, what, ours, worst, plain, ratio, limits(result), verdict(result))
    return "| " + " | ".join(cells) + " |"


def table(groups: Sequence[Group]) -> str:
    """All rows, in the order of their goals."""
    head = "| goal | measured | ours | p90 | beside | ratio | at most | |"
    rows = sorted((r for group in groups for r in group.results), key=rank)
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *map(line, rows)])


def rank(result: Result) -> tuple[int, str]:
    """P2 comes before P10; what has no number comes last."""
    digits = result.goal.removeprefix("P")
    return (int(digits), "") if digits.isdecimal() else (1000, result.goal)


def plot(groups: Sequence[Group]) -> str:
    """An SVG with one bar for each limit: how much of it was used; above the line it is missed."""
    rows = sorted((r for group in groups for r in group.results if r.shares), key=rank)
    height = 40 + len(rows) * (BAR + GAP)
    scale = (WIDTH - LEFT - 60) / END
    at_limit = LEFT + scale
    bars = [bar(result, 30 + n * (BAR + GAP), scale) for n, result in enumerate(rows)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
    rule = f'<line x1="{at_limit:.0f}" y1="24" x2="{at_limit:.0f}" y2="{height - 6}"'
    parts = [
        f'{head} font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{at_limit:.0f}" y="18" text-anchor="middle">at most</text>',
        *bars,
        f'{rule} stroke="black" stroke-dasharray="4 3"/>',
        "</svg>\n",
    ]
    return "\n".join(parts)


def bar(result: Result, top: int, scale: float) -> str:
    """One labelled bar; what is longer than the picture ends at its edge, and says how long."""
    used = max(result.shares)
    colour = "#2e7d32" if result.is_met else "#c62828"
    width, base = max(min(used, END) * scale, 1), top + BAR - 4
    return (
        f'<text x="{LEFT - 8}" y="{base}" text-anchor="end">'
        f"{escape(result.goal)} {escape(result.name)}</text>"
        f'<rect x="{LEFT}" y="{top}" width="{width:.0f}" height="{BAR}" fill="{colour}"/>'
        f'<text x="{LEFT + width + 6:.0f}" y="{base}">{used:.2f}</text>'
    )


def notes(groups: Sequence[Group], why: Mapping[str, str]) -> str:
    """For each goal that is missed: where the time goes."""
    missed = (r for group in groups for r in group.results if r.is_met is False)
    goals = dict.fromkeys(result.goal for result in sorted(missed, key=rank))
    told = [f"- **{goal}**: {why.get(goal, 'not explained yet')}" for goal in goals]
    return "\n".join(told) or "None."


def measured_when(groups: Sequence[Group], quiet: float, names: Sequence[str] = ()) -> str:
    """When each group ran, how often, and whether the machine had anything else to do.

    Args:
        names: of all groups; those that were never measured are told too.
    """
    head = "| group | date | rounds | load before | |\n|---|---|---|---|---|"
    rows = [
        f"| {g.name} | {g.when} | {g.rounds} | {g.load:.1f} | {'' if g.load < quiet else 'busy'} |"
        for g in groups
    ]
    known = {group.name for group in groups}
    missing = [f"| {name} | not measured yet | | | |" for name in names if name not in known]
    return "\n".join([head, *rows, *missing])
