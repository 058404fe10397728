"""Alerts are heard of whether or not anybody looks at the overview, once; the person's program never holds them up."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from prismq_gui.insight.alert_log import LogEntry
from prismq_gui.insight.alert_rules import AlertRules, RuleKind
from prismq_gui.insight.alert_settings import AlertSettings
from prismq_gui.insight.alerts import AlertChange
from prismq_gui.polling import alert_hook, alert_watch, threads
from prismq_gui.polling.alert_messages import AlertNews, ProgramEnd, ProgramWish
from prismq_gui.polling.engine import Engine
from prismq_gui.polling.messages import OpenRequest, Table
from prismq_gui.polling.overview_messages import Span
from tests.helpers.files import make_foreign_queue, run_sql

WAIT_MS = 30_000
_USUAL = AlertRules()
DEAD_ALONE = replace(
    _USUAL, **{kind.attribute: replace(rule, on=kind is RuleKind.DEAD_LETTERS) for kind, rule in _USUAL.all()}
)
PYTHON = os.path.realpath(sys.executable)
BURY = (
    "INSERT INTO task_queue (type, payload, status, finished_at_utc, error_message) "
    "VALUES ('t', '{}', 'dead_letter', datetime('now'), 'boom')"
)


class Heard:
    """An engine, and what its alerts told."""

    def __init__(self, engine: Engine, qtbot, settings: AlertSettings) -> None:
        self.engine = engine
        self.qtbot = qtbot
        self.news: list[AlertNews] = []
        self.ends: list[ProgramEnd] = []
        self.log: tuple[LogEntry, ...] = ()
        desk = engine.alerts
        desk.news.connect(lambda news: self.news.append(news) if news is not None else None)
        desk.program_ended.connect(self.ends.append)
        desk.log.connect(self._on_log)
        desk.set_settings(settings)

    def _on_log(self, entries: tuple[LogEntry, ...]) -> None:
        self.log = entries

    def open(self, path: Path) -> Heard:
        self.engine.open(OpenRequest(path))
        return self

    def until(self, fulfilled: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(fulfilled()), timeout=WAIT_MS)

    def looked(self) -> Heard:
        """Wait for one more look."""
        before = len(self.news)
        self.until(lambda: len(self.news) > before)
        return self

    def told(self) -> list[tuple[AlertChange, RuleKind, bool]]:
        return [(event.change, event.kind, event.quiet) for news in self.news for event in news.told]


@pytest.fixture
def quick(monkeypatch) -> None:
    """Looks follow each other at once."""
    for name, value in (("TICK_MS", 20), ("FIRST_S", 0.0), ("LOOK_S", 0.02), ("NEWS_S", 0.0), ("LOOK_SHARE", 1)):
        monkeypatch.setattr(alert_watch, name, value)


@pytest.fixture
def hear(qapp, qtbot, tmp_path: Path) -> Iterator[Callable[..., Heard]]:
    """Engines whose log of alerts lies in one folder."""
    made: list[Engine] = []

    def make(settings: AlertSettings | None = None) -> Heard:
        engine = Engine(dict.fromkeys(Table, lambda row: row), history_folder=tmp_path / "Daten ü")
        made.append(engine)
        return Heard(engine, qtbot, settings or AlertSettings(rules=DEAD_ALONE))

    yield make
    for engine in made:
        engine.shutdown()
        engine.deleteLater()
    assert threads.alive() == []


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return make_foreign_queue(tmp_path / "Schlange & Söhne.db", 5)


# --- looking ------------------------------------------------------------------------------------


def test_a_hidden_window_without_an_overview_hears_of_what_becomes_bad_and_of_its_end(hear, quick, queue):
    heard = hear().open(queue)
    heard.engine.set_paused(True)  # as a window does that nobody can see
    heard.looked()
    run_sql(queue, BURY)
    heard.until(lambda: heard.told() == [(AlertChange.RAISED, RuleKind.DEAD_LETTERS, False)])
    assert heard.news[-1].own_look
    run_sql(queue, "UPDATE task_queue SET finished_at_utc = '2020-01-01 00:00:00' WHERE status = 'dead_letter'")
    heard.until(lambda: len(heard.told()) == 2)
    assert heard.told()[1] == (AlertChange.CLEARED, RuleKind.DEAD_LETTERS, False)
    heard.until(lambda: heard.log and heard.log[0].cleared_at_utc is not None)
    assert heard.log[0].file == str(queue)


def test_what_is_bad_already_is_told_once_and_quietly_and_not_at_the_next_start(hear, quick, sample_db):
    first = hear(AlertSettings()).open(sample_db).looked().looked()
    told = first.told()
    assert (AlertChange.RAISED, RuleKind.SILENT_WORKER, True) in told
    assert all(quiet for _, _, quiet in told)
    raised = first.news[-1].raised
    first.engine.shutdown()
    second = hear(AlertSettings()).open(sample_db).looked()
    assert second.told() == []
    assert second.news[-1].raised == raised


def test_beside_an_overview_nothing_more_is_read(hear, monkeypatch, queue):
    for name, value in (("TICK_MS", 20), ("FIRST_S", 7_200.0), ("LOOK_S", 3_600.0)):
        monkeypatch.setattr(alert_watch, name, value)
    heard = hear()
    heard.engine.start_overview()
    heard.engine.show_past(Span.TEN_MINUTES)
    heard.open(queue).looked()
    run_sql(queue, BURY)
    heard.until(lambda: heard.told() == [(AlertChange.RAISED, RuleKind.DEAD_LETTERS, False)])
    assert heard.engine.alerts.looks == 0
    due_in_s = heard.engine.alerts._watch._due_at - time.monotonic()
    assert due_in_s <= alert_watch.LOOK_S  # put off anew by each news of the overview


def test_figures_that_an_overview_read_before_do_not_end_what_a_later_look_raised(hear, quick, queue):
    heard = hear()
    heard.engine.start_overview()
    heard.engine.show_past(Span.TEN_MINUTES)
    heard.open(queue).looked()
    run_sql(queue, BURY)
    heard.until(lambda: len(heard.told()) == 1)
    seen: list[object] = []
    heard.engine.overview.connect(seen.append)
    heard.until(lambda: len(seen) > 3)  # some of them told figures that were read before the alert
    assert len(heard.told()) == 1


def test_a_hidden_window_is_looked_at_once_a_minute_at_most(hear, monkeypatch, queue, qtbot):
    monkeypatch.setattr(alert_watch, "TICK_MS", 10)
    monkeypatch.setattr(alert_watch, "FIRST_S", 0.0)
    heard = hear().open(queue).looked()
    ticks = []
    heard.engine.alerts._watch._timer.timeout.connect(lambda: ticks.append(1))
    heard.until(lambda: len(ticks) > 20)
    assert heard.engine.alerts.looks == 1


def test_a_pause_that_the_person_wants_is_one_for_alerts_too(hear, quick, queue):
    heard = hear().open(queue).looked()
    heard.engine.alerts.set_paused(True)
    heard.engine.alerts.request_log()  # answered once the pause has begun
    heard.qtbot.waitSignal(heard.engine.alerts.log, timeout=WAIT_MS).wait()
    looks = heard.engine.alerts.looks
    run_sql(queue, BURY)
    heard.engine.alerts.request_log()
    heard.qtbot.waitSignal(heard.engine.alerts.log, timeout=WAIT_MS).wait()
    assert (heard.engine.alerts.looks, heard.told()) == (looks, [])
    heard.engine.alerts.set_paused(False)
    heard.until(lambda: len(heard.told()) == 1)


def test_a_file_that_goes_away_raises_and_ends_nothing(hear, quick, queue):
    heard = hear().open(queue).looked()
    run_sql(queue, BURY)
    heard.until(lambda: len(heard.told()) == 1)
    heard.engine.set_paused(True)
    kept = queue.rename(queue.with_name("elsewhere.db"))
    looks = heard.engine.alerts.looks
    heard.until(lambda: heard.engine.alerts.looks > looks + 3)
    assert len(heard.told()) == 1
    kept.rename(queue)
    heard.looked()
    assert heard.news[-1].raised == ((RuleKind.DEAD_LETTERS, ""),)


def test_of_two_windows_on_one_file_one_tells(hear, quick, queue):
    one, two = hear().open(queue).looked(), hear().open(queue).looked()
    run_sql(queue, BURY)
    for heard in (one, two):
        heard.until(lambda heard=heard: heard.news[-1].raised != ())
    assert len(one.told()) + len(two.told()) == 1


# --- the person's program -----------------------------------------------------------------------


def program(code: str, **more: object) -> ProgramWish:
    return replace(ProgramWish(PYTHON, ("-c", code), 30.0, '{"rule": "dead-letters"}'), **more)


def test_the_program_is_told_of_an_alert_as_json_and_the_log_says_how_it_ended(hear, quick, queue, tmp_path):
    out = tmp_path / "got it & more.json"
    code = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read()); print('done äöü ' * 2)"
    settings = AlertSettings(DEAD_ALONE, hook=True, hook_program=PYTHON, hook_arguments=("-c", code, str(out)))
    heard = hear(settings).open(queue).looked()
    run_sql(queue, BURY)
    heard.until(lambda: heard.log and heard.log[0].program)
    assert heard.ends[0].ok
    assert "code 0" in heard.log[0].program
    told = json.loads(out.read_bytes())
    assert (told["event"], told["rule"], told["value"], told["test"]) == ("raised", "dead-letters", 1, False)
    assert told["file"] == str(queue)


def test_a_program_in_the_settings_that_is_off_is_not_run_nor_for_what_was_bad_already(hear, quick, queue, tmp_path):
    out = tmp_path / "never.txt"
    arguments = ("-c", "import sys; open(sys.argv[1], 'w')", str(out))
    run_sql(queue, BURY)
    already = hear(AlertSettings(DEAD_ALONE, hook=True, hook_program=PYTHON, hook_arguments=arguments)).open(queue)
    already.until(lambda: len(already.told()) == 1)
    other = make_foreign_queue(tmp_path / "other.db", 1)
    off = hear(AlertSettings(DEAD_ALONE, hook_program=PYTHON, hook_arguments=arguments)).open(other).looked()
    run_sql(other, BURY)
    off.until(lambda: len(off.told()) == 1)
    off.looked()
    assert not out.exists()


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (program("raise SystemExit(7)"), "code 7"),
        (program("import sys; sys.stdin.close(); print('x' * 10**6)"), "code 0"),
        (program("import time; time.sleep(600)", timeout_s=0.3), "by force"),
        (replace(program(""), program="/no such/program.exe"), "no such file"),
        (replace(program(""), program="python"), "whole path"),
    ],
)
def test_however_the_program_ends_it_is_told_shortly(hear, wish, words):
    heard = hear()
    heard.engine.alerts.run_program(wish)
    heard.until(lambda: heard.ends)
    assert words in heard.ends[0].text
    assert heard.ends[0].ok is ("code 0" in words)
    assert len(heard.ends[0].text) < alert_hook.MOST_OUTPUT + 200


def test_programs_run_one_at_a_time_and_not_endlessly_many_wait(hear, tmp_path, monkeypatch):
    monkeypatch.setattr(alert_hook, "MOST_WAITING", 4)
    heard = hear()
    mark = tmp_path / "running"
    code = f"import os, time; os.mkdir({str(mark)!r}); time.sleep(0.02); os.rmdir({str(mark)!r})"
    for _ in range(alert_hook.MOST_WAITING + 5):
        heard.engine.alerts.run_program(program(code))
    heard.until(lambda: len(heard.ends) == alert_hook.MOST_WAITING + 5)
    refused = [end for end in heard.ends if "wait" in end.text]
    assert 1 <= len(refused) <= 4 + 1
    assert all(end.ok for end in heard.ends if end not in refused), [end.text for end in heard.ends if not end.ok]


def test_a_program_that_runs_is_ended_when_the_window_closes(hear, tmp_path):
    heard = hear()
    sign = tmp_path / "pid"
    code = f"import os, time; f = open({str(sign) + '.part'!r}, 'w'); f.write(str(os.getpid())); f.close(); " + (
        f"os.rename({str(sign) + '.part'!r}, {str(sign)!r}); time.sleep(600)"
    )
    heard.engine.alerts.run_program(program(code, timeout_s=600.0))
    heard.until(sign.exists)
    pid = int(sign.read_text(encoding="utf-8"))
    heard.engine.shutdown()
    assert threads.alive() == []
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
