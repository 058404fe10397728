"""What the overview says: figures, ages, points and times in words. Pure functions, no widgets.

A figure that is not known is never worded as 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from prismq_gui.insight.forecast import Forecast, Outlook
from prismq_gui.insight.history import Point, Source
from prismq_gui.insight.overview import Figure, Overview, Waiting
from prismq_gui.insight.percentiles import Times, TypeTimes
from prismq_gui.models.columns import Column
from prismq_gui.models.plain_table_model import PlainRow
from prismq_gui.models.text import cell_text
from prismq_gui.polling.overview_messages import Past
from prismq_gui.queue.metrics import Percentiles, Throughput
from prismq_gui.views.chart_scale import time_text
from prismq_gui.views.line_chart import ChartData, Series
from prismq_gui.views.status_chips import ago, thousands
from prismq_gui.views.times import duration

UNKNOWN = "…"
NONE = "–"
OLD_S = 60.0  # figures are read at least every 30 s; older ones were kept from being read

TIMES_COLUMNS = (
    Column("type", "Type", 24),
    Column("tasks", "Tasks", 8, numeric=True),
    *(
        Column(f"{kind}_{name}", f"{title} {name}", 10, numeric=True)
        for kind, title in (("waiting", "Waited"), ("running", "Ran"))
        for name in ("p50", "p95", "p99")
    ),
)
POINTS_COLUMNS = (
    Column("from", "From", 14),
    Column("unfinished", "Unfinished", 10, numeric=True),
    Column("waiting", "Waiting", 10, numeric=True),
    Column("running", "Running", 10, numeric=True),
    Column("arrived", "Arrived / min", 12, numeric=True),
    Column("completed", "Completed / min", 12, numeric=True),
    Column("failed", "Failed / min", 12, numeric=True),
    Column("cancelled", "Cancelled / min", 12, numeric=True),
    Column("how", "How it is known", 20),
)


@dataclass(frozen=True, slots=True)
class TileWords:
    """One tile: a value, and a line below that qualifies it."""

    value: str
    note: str = ""


# -- tiles


def waiting(found: Overview, now: datetime) -> TileWords:
    """Return how many tasks wait."""
    return _counted(found.waiting, now)


def running(found: Overview, now: datetime) -> TileWords:
    """Return how many tasks run."""
    return _counted(found.running, now)


def done(found: Overview, now: datetime) -> TileWords:
    """Return how many complete an hour."""
    return _rate(found.rates, now, lambda rates: rates.completed_per_hour)


def failed(found: Overview, now: datetime) -> TileWords:
    """Return how many fail an hour."""
    return _rate(found.rates, now, lambda rates: rates.failed_per_hour)


def oldest(found: Overview, now: datetime) -> TileWords:
    """Return for how long the task that has been due for longest waits."""
    figure: Figure[Waiting] = found.oldest
    if figure.value is None:
        return TileWords(UNKNOWN, "not known yet")
    if figure.value.oldest is None:
        return TileWords(NONE, _aged("nothing is due", figure.age_s(now)))
    return TileWords(
        duration(figure.value.waiting_s(now)), _aged(f"task #{figure.value.oldest.task_id}", figure.age_s(now))
    )


def outlook(found: Overview, now: datetime) -> TileWords:
    """Return when the queue will be empty, or that it grows."""
    forecast: Forecast | None = found.forecast.value
    if forecast is None:
        return TileWords(UNKNOWN, "not known yet")
    value, note = _outlook_words(forecast)
    return TileWords(value, _aged(note, found.waiting.age_s(now)))


def _outlook_words(forecast: Forecast) -> tuple[str, str]:
    text = forecast.text
    if forecast.outlook is Outlook.DRAINS:
        value, _, range_text = text.removeprefix("clears in ").partition(" (")
        return value, range_text.rstrip(")")
    if forecast.outlook is Outlook.GROWS:
        return "growing", text.removeprefix("growing").strip()
    if forecast.outlook is Outlook.STANDS:
        return "stands still", text
    return (UNKNOWN, text) if forecast.outlook is Outlook.UNKNOWN else (text, "")


TILES: tuple[tuple[str, str, Callable[[Overview, datetime], TileWords]], ...] = (
    ("waiting", "Waiting", waiting),
    ("running", "Running", running),
    ("done", "Done / h", done),
    ("failed", "Failed / h", failed),
    ("oldest", "Oldest waiting", oldest),
    ("outlook", "Clears in", outlook),
)


def _counted(figure: Figure[int], now: datetime) -> TileWords:
    if figure.value is None:
        return TileWords(UNKNOWN, "not counted yet")
    return TileWords(thousands(figure.value), _aged("", figure.age_s(now)))


def _rate(figure: Figure[Throughput], now: datetime, rate: Callable[[Throughput], float]) -> TileWords:
    if figure.value is None:
        return TileWords(UNKNOWN, "not known yet")
    least = "at least " if figure.value.at_least else ""
    per_hour = rate(figure.value)
    words = f"{per_hour:.1f}" if 0 < per_hour < 10 and per_hour != int(per_hour) else thousands(round(per_hour))
    return TileWords(f"{least}{words}", _aged("last hour", figure.age_s(now)))


def _aged(note: str, age_s: float | None) -> str:
    if age_s is None or age_s < OLD_S:
        return note
    told = f"as of {ago(age_s)}"
    return f"{note}, {told}" if note else told


# -- charts


def depth_chart(past: Past) -> ChartData:
    """Return how many tasks there were, over time."""
    lines = (("Unfinished", "unfinished"), ("Waiting", "waiting"), ("Running", "running"))
    return _chart(past, lines, 1.0, lambda point: point.depth_source)


def flow_chart(past: Past) -> ChartData:
    """Return how many tasks came and went a minute, over time."""
    lines = (
        ("Arrived", "arrived_per_s"), ("Completed", "completed_per_s"), ("Failed", "failed_per_s"),
        ("Cancelled", "cancelled_per_s"),
    )  # fmt: skip
    return _chart(past, lines, 60.0, lambda point: point.flow_source)


def _chart(
    past: Past, lines: tuple[tuple[str, str], ...], factor: float, source: Callable[[Point], Source | None]
) -> ChartData:
    points = past.points
    series = tuple(Series(name, tuple(_times(getattr(point, key), factor) for point in points)) for name, key in lines)
    since_s = points[0].start_s if points else 0
    return ChartData(since_s, past.span.width_s, series, tuple(source(point) is Source.REBUILT for point in points))


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def exact(value: float) -> str:
    """Return a value of a chart as exactly as it is known."""
    if abs(value - round(value)) < 0.005:
        return thousands(round(value))
    return f"{value:,.2f}" if value < 100 else thousands(round(value))


def points_rows(past: Past) -> list[PlainRow]:
    """Return the points as rows of a table, the newest first."""
    days = past.span.seconds > 86_400
    return [_point_row(point, days=days) for point in reversed(past.points)]


def _point_row(point: Point, *, days: bool) -> PlainRow:
    rates = (point.arrived_per_s, point.completed_per_s, point.failed_per_s, point.cancelled_per_s)
    figures = (point.unfinished, point.waiting, point.running, *(_times(rate, 60.0) for rate in rates))
    sources = {point.depth_source, point.flow_source} - {None}
    how = " and ".join(source.value for source in Source if source in sources) or "not known"
    start = time_text(point.start_s, days=days, seconds=point.width_s < 60)
    return PlainRow(point.start_s, (start, *(NONE if each is None else exact(each) for each in figures), how))


# -- times by type


def times_rows(found: Times | None) -> list[PlainRow]:
    """Return the percentiles as rows of a table: all types first, then the busiest."""
    if found is None or not found.all.tasks:
        return []
    rows = [_times_row(("all", ""), "All types", found.all)]
    return rows + [_times_row(("type", each.type), cell_text(each.type), each) for each in found.types]


def _times_row(key: tuple[str, str], title: str, found: TypeTimes) -> PlainRow:
    return PlainRow(key, (title, thousands(found.tasks), *_three(found.waiting), *_three(found.running)))


def _three(found: Percentiles | None) -> tuple[str, str, str]:
    if found is None:
        return (NONE, NONE, NONE)
    return (duration(found.p50_s), duration(found.p95_s), duration(found.p99_s))


def times_caption(figure: Figure[Times], now: datetime) -> str:
    """Return what the times are of, and how old they are."""
    found = figure.value
    if found is None:
        return "Not known yet."
    if not found.all.tasks:
        return "No task ended in the last hour."
    which = f"the newest {thousands(found.sampled)}" if found.cut else f"all {thousands(found.sampled)}"
    more = f" {thousands(found.more_types)} more types are not shown." if found.more_types else ""
    covered = "hour" if found.covered_s >= found.window_s else duration(found.covered_s)
    age = _aged("", figure.age_s(now))
    return f"Tasks that ended in the last {covered}, among {which} that are over.{more}" + (f" {age}." if age else "")
