"""The targets of `window.py`, and what its figures say of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]
AUTOCHECKPOINT_BYTES = 1_000 * (4_096 + 24)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target on one file: what was reached, and whether that is enough."""

    target: str
    file: str
    reached: str
    is_met: bool


def verdicts(found: Figures) -> Iterator[Verdict]:
    """Yield every target for which there are figures."""
    yield from _rows(found.get("rows", {}))
    for kind in ("tasks", "sorts", "logs"):
        for file, tour in found.get(kind, {}).items():
            yield from _tour(kind, file, tour)
    for part in ("writers", "disk"):
        for file, one in found.get(part, {}).items():
            yield from _writers(file, one)
    for file, one in found.get("idle", {}).items():
        shares = [step["cpu_share"] for step in one["steps"] if "cpu_share" in step]
        if shares:
            yield Verdict("idle window <= 0.5 % of a core", file, f"{max(shares):.2%}", max(shares) <= 0.005)
    if "start" in found:
        ratio = found["start"]["ratio"]
        reached = f"{ratio['median']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})"
        yield Verdict("start to usable window <= 1.3 x a bare one", "", reached, ratio["median"] <= 1.3)
    if "bulk" in found:
        took, held = max(found["bulk"]["retry_s"]), max(found["bulk"]["worst_commit_ms"])
        yield Verdict("100,000 tasks retried <= 10 s", "", f"{took:.1f} s", took <= 10)
        yield Verdict("no worker held over 200 ms meanwhile", "", f"{held:.0f} ms", held <= 200)


def _rows(by_file: Figures) -> Iterator[Verdict]:
    medians = {}
    for file, one in by_file.items():
        ours = one["PrismQ"]["seen_s"]
        if not one["PrismQ"]["runs"]:
            continue
        if ours is None:
            yield Verdict("first rows", file, "not seen", False)
            continue
        medians[file] = ours["median"]
        for rival, share in (("DB Browser", 0.1), ("QSqlTableModel", None)):
            theirs = one.get(rival, {}).get("seen_s")
            if rival in one:
                text = "over a minute" if theirs is None else f"{theirs['median']:.2f} s"
                reached = f"{ours['median']:.2f} s ({ours['least']:.2f} to {ours['most']:.2f}), {rival} {text}"
                limit_s = 60.0 if theirs is None else theirs["median"]
                if share is not None:
                    yield Verdict(f"first rows <= {share} of {rival}", file, reached, ours["median"] <= share * limit_s)
                else:
                    yield Verdict(f"first rows before {rival}", file, reached, ours["median"] <= limit_s)
    if len(medians) > 1:
        smallest, *_, largest = medians
        ratio = medians[largest] / medians[smallest]
        yield Verdict(f"first rows no later than with {smallest}", largest, f"{ratio:.2f} of it", ratio <= 1.1)


def _tour(kind: str, file: str, tour: Figures) -> Iterator[Verdict]:
    steps = {step["step"]: step for step in tour["steps"]}

    def slowest(target: str, limit_ms: float, chosen: Callable[[str], bool]) -> Iterator[Verdict]:
        took = [step["ms"] for name, step in steps.items() if chosen(name) and not step.get("halts")]
        if took:
            reached = "not reached" if None in took else f"{max(took):.0f} ms"
            yield Verdict(target, file, reached, None not in took and max(took) <= limit_ms)

    yield from slowest(f"{kind}: jump anywhere <= 100 ms", 100, lambda name: ": jump" in name)
    yield from slowest(f"{kind}: filter by status, first page <= 200 ms", 200, _is_first_page)
    yield from slowest(
        f"{kind}: filter by text, first hits <= 300 ms",
        300,
        lambda name: "unusual, first hits" in name or "filter text, first" in name,
    )
    yield from slowest(
        f"{kind}: search everything, first hits <= 300 ms",
        300,
        lambda name: name.startswith("search: ") and "needle" not in name and "first hits" in name,
    )
    yield from slowest(f"{kind}: search, Stop <= 100 ms", 100, lambda name: name.endswith(", Stop"))
    for name, step in steps.items():
        if "frame_ms" in step:
            reached = f"{step['frame_ms']:.1f} ms, {step['thread_a_frame_ms']:.1f} with all else of the thread"
            yield Verdict(f"{name}: CPU a frame <= 16 ms", file, reached, step["thread_a_frame_ms"] <= 16)
    if "whole" in steps:
        whole, control = steps["whole"], tour["control"]
        at = max(
            (step for step in tour["steps"] if "worst_ms" in step and step["step"] != "whole"),
            key=lambda step: step["worst_ms"],
        )
        reached = f"{whole['worst_ms']:.0f} ms (at “{at['step']}”; bare window {control['worst_ms']:.0f} ms)"
        yield Verdict(f"{kind}: event loop's worst gap <= 50 ms", file, reached, whole["worst_ms"] <= 50)
        reached = f"{whole['p99_ms']:.1f} ms (bare window {control['p99_ms']:.1f} ms)"
        yield Verdict(f"{kind}: event loop's p99 <= 16 ms", file, reached, whole["p99_ms"] <= 16)
        yield Verdict(f"{kind}: memory <= 300 MiB", file, f"{whole['peak_mib']:.0f} MiB", whole["peak_mib"] <= 300)
    yield _wal(f"{kind}: log <= 2 x autocheckpoint", file, tour["wal_bytes"], tour["control"].get("wal_bytes", 0))


def _is_first_page(name: str) -> bool:
    return name.startswith(("tasks: filter ", "logs: filter ERROR")) and "," not in name


def _wal(target: str, file: str, size: int, without: int) -> Verdict:
    times, times_without = size / AUTOCHECKPOINT_BYTES, without / AUTOCHECKPOINT_BYTES
    return Verdict(target, file, f"{times:.1f} x (without it {times_without:.1f} x)", times <= 2.0)


def _writers(file: str, one: Figures) -> Iterator[Verdict]:
    ours, bare = one["PrismQ"], one["bare"]
    reached = (
        f"{ours['median']:.3f} ({ours['least']:.3f} to {ours['most']:.3f}); with a bare window {bare['median']:.3f}"
    )
    yield Verdict("writers with / without the window >= 0.97", file, reached, ours["median"] >= 0.97)
    yield _wal("writers: log <= 2 x autocheckpoint", file, one["wal_bytes"]["PrismQ"], one["wal_bytes"]["none"])


def table_of(found: Figures) -> str:
    """Return the targets as a table in Markdown."""
    lines = ["| target | file | reached | |", "|---|---|---|---|"]
    lines += [f"| {v.target} | {v.file} | {v.reached} | {'MET' if v.is_met else 'MISSED'} |" for v in verdicts(found)]
    return "\n".join(lines)
