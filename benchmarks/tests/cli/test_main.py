"""Tests of the command: what it prints, and with which code it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from capacity.cli import main
from capacity.cli.main import SKIPPABLE
from capacity.cli.runs import show_run
from capacity.document import REPORT_JSON, Report, encode
from capacity.document.schema import schema_text
from capacity.report.index import INDEX
from capacity.search import EXTRAS

Make = Callable[..., Report]
replace = msgspec.structs.replace
COMMANDS = ("run", "advise", "compare", "gate", "report", "index", "schema")
ENV = """\
# Kept.
SPOOL_MAX_MB=2048
INFLUXDB_MEMORY_LIMIT=2G
INFLUXDB_GO_MEMORY=1600MiB
INFLUXDB_CPU_LIMIT=2.0
INGESTION_MEMORY_LIMIT=512M
INGESTION_CPU_LIMIT=0.5
ENRICHMENT_MEMORY_LIMIT=1G
ENRICHMENT_CPU_LIMIT=1.0
"""
LOAD = ("--entities", "1000", "--retention", "30d")


@pytest.fixture
def run(made_up: Make, tmp_path: Path) -> Path:
    """Return the folder of a made-up run."""
    folder = tmp_path / "reports" / "2026-11-25-standard-2c4g-eeff0c"
    folder.mkdir(parents=True)
    (folder / REPORT_JSON).write_bytes(encode(made_up()))
    return folder


@pytest.fixture
def env(tmp_path: Path) -> Path:
    """Return an environment file."""
    path = tmp_path / ".env"
    path.write_text(ENV)
    return path


def failing(*argv: str | Path) -> int:
    """Run a command line that the parser ends."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in argv])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def code(*argv: str | Path) -> int:
    """Run a command line."""
    return main([str(a) for a in argv])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--arrival", "trace"), "--arrival trace needs --trace FILE"),
        (("--trace", "t.jsonl"), "--trace FILE needs --arrival trace"),
        (("--arrival", "trace", "--trace", "gone"), "gone: No such file"),
        (("--period", "0"), "--period 0"),
        (("--payload-bytes", "-1"), "too small"),
        (("--entity-growth", "-1"), "too small"),
        (("--entity-growth", "inf"), "too small"),
        (("--entities", "0"), "too small"),
    ],
)
def test_a_load_that_cannot_be_is_refused_before_anything_starts(
    options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the option."""
    assert code("run", "--attach", "nobody", *options) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "gate"])
@pytest.mark.parametrize("limit", ["ENRICHMENT_CPUS=0.2", "enrichment=0.2"])
def test_a_limit_that_the_stack_does_not_know_is_refused(
    command: str,
    limit: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It would be measured with production's, under the wrong name; nothing starts."""
    monkeypatch.chdir(tmp_path)
    rate = ("--aa", "--rate", "100") if command == "gate" else ()
    name = limit.partition("=")[0]

    assert code(command, "--limit", limit, *rate) == 2
    shown = capsys.readouterr().err
    assert f"--limit {name} is not in stack/.env.production; " in shown
    assert "ENRICHMENT_CPU_LIMIT, ENRICHMENT_MEMORY_LIMIT" in shown
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--limit", "ENRICHMENT_CPU_LIMIT=0.2"),
        ("--image-version", "0.1.0"),
        ("--source-cpus", "2"),
    ],
)
def test_an_attached_stack_stays_as_it_is(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What only a stack of the run's own can have is refused, not ignored."""
    assert code("run", "--attach", "somebody", option, value) == 2
    assert f"{option} is for a stack of its own" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """--help tells what a command does, and ends with 0."""
    assert failing(command, "--help") == 0
    assert f"usage: capacity {command}" in capsys.readouterr().out


def test_what_comes_after_the_search_can_be_skipped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each of it by its name, the outage too; the search itself cannot."""
    assert ("outage", *EXTRAS) == SKIPPABLE
    assert failing("run", "--skip", "bisect") == 2
    assert "invalid choice: 'bisect'" in capsys.readouterr().err


def test_help_lists_commands_and_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """The help of the whole says what the exit codes mean."""
    assert failing("--help") == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)
    assert "exit codes:" in shown


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("fly",),
        ("run", "--profile", "huge"),
        ("run", "--limit", "ENRICHMENT_CPU_LIMIT"),
        ("advise", "--rate", "3"),
        ("compare", "one"),
        ("gate", "--pairs", "many"),
        ("gate", "--limit", "ENRICHMENT_CPU_LIMIT"),
        ("report",),
        ("index", "--fast"),
    ],
)
def test_wrong_command_line_ends_with_2(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what is wrong, a second where the help is."""
    assert failing(*argv) == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("capacity: ")
    assert shown[1].endswith("--help`")


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the schema as the package ships it."""
    assert code("schema") == 0
    assert capsys.readouterr().out == schema_text()


@pytest.mark.timeout(60)  # Matplotlib looks for fonts when it is first imported
def test_report_renders_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict is printed, and the page is beside the document."""
    assert code("report", run) == 0
    assert capsys.readouterr().out.startswith("This machine sustains 305 events/s")
    assert (run / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_missing_report_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file and the remedy are named."""
    assert code("report", tmp_path) == 2
    shown = capsys.readouterr().err
    assert f"{tmp_path / REPORT_JSON}: there is no such file" in shown
    assert "to fix it:" in shown
    assert code("report", tmp_path / "absent") == 2


def test_index_is_written_and_checked(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An index that does not list a run is not true until it is made again."""
    reports = run.parent

    assert code("index", reports, "--check") == 1
    assert "is not true" in capsys.readouterr().out
    assert code("index", reports) == 0
    assert code("index", reports, "--check") == 0
    (reports / "README.md").write_text("by hand")
    assert code("index", reports, "--check") == 1
    assert code("index", reports / "absent") == 2


def test_a_run_is_shown_whatever_lies_beside_it(
    run: Path, made_up: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forty minutes of measuring are not lost for the folder of another run."""
    reports = run.parent
    show_run(made_up(), run, reports=reports)
    entered = (reports / INDEX).read_text("utf-8")
    assert run.name in entered
    assert not capsys.readouterr().err

    (reports / "2026-11-26-quick-2c4g-eeff0c").mkdir()
    show_run(made_up(), run, reports=reports)

    shown = capsys.readouterr()
    assert shown.out.endswith(f"{run / 'report.html'}\n")
    assert f"{INDEX} is as it was" in shown.err
    assert "2026-11-26-quick-2c4g-eeff0c" in shown.err
    assert (reports / INDEX).read_text("utf-8") == entered


@pytest.mark.parametrize(("factor", "ends"), [(1.0, 0), (0.5, 0), (1.5, 1), (1.055, 3)])
def test_compare_ends_by_its_verdict(
    made_up: Make, run: Path, tmp_path: Path, factor: float, ends: int
) -> None:
    """0 for the same or better, 1 for worse, 3 for undecided."""
    report = made_up()
    demand = tuple(
        replace(
            d,
            cpu_s_per_event=d.cpu_s_per_event * factor,
            ci=(d.ci[0] * factor, d.ci[1] * factor),
        )
        for d in report.model.demand
    )
    new = tmp_path / "new.json"
    new.write_bytes(encode(replace(report, model=replace(report.model, demand=demand))))

    assert code("compare", run, new) == ends


def test_compare_of_other_hosts_ends_with_3(
    made_up: Make, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither passed nor failed, as JSON too."""
    report = made_up()
    env = replace(report.environment, fingerprint_sha="ab" * 32)
    new = tmp_path / "new.json"
    new.write_bytes(encode(made_up(environment=env)))

    assert code("compare", run, new, "--json") == 3
    assert json.loads(capsys.readouterr().out)["overall"] == "not_comparable"
    assert code("compare", run, tmp_path / "absent.json") == 2


def test_advice_names_hardware_and_limits(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line has what is needed, what is there, and its kind."""
    assert code("advise", "--rate", "200", *LOAD, "--report", run) == 0
    shown = capsys.readouterr().out
    assert "from run made-up-0001 on Made-up CPU @ 2.4 GHz, 2 cores" in shown
    for words in ("cores of the host", "CPU of influxdb", "enough)  measured"):
        assert words in shown


def test_advice_looks_into_the_folder_of_all_runs(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --report the fitting run of reports/ answers; without any, none."""
    monkeypatch.chdir(run.parents[1])
    assert code("advise", "--rate", "200", *LOAD, "--json") == 0
    assert json.loads(capsys.readouterr().out)["run"] == "made-up-0001"

    monkeypatch.chdir(run)
    assert code("advise", "--rate", "200", *LOAD) == 2
    assert "name a run with --report DIR" in capsys.readouterr().err


def test_limits_are_applied(
    run: Path, env: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file gets what is missing, keeps the rest, and the change is shown."""
    ask = ("advise", "--rate", "800", *LOAD, "--report", run, "--apply", env)

    assert code(*ask, "--dry-run") == 0
    assert "as it was (--dry-run)" in capsys.readouterr().out
    assert env.read_text() == ENV

    assert code(*ask) == 0
    shown = capsys.readouterr().out
    assert "-INFLUXDB_CPU_LIMIT=2.0\n+INFLUXDB_CPU_LIMIT=3.65\n" in shown
    assert env.read_text() == ENV.replace(
        "INFLUXDB_CPU_LIMIT=2.0", "INFLUXDB_CPU_LIMIT=3.65"
    ).replace("INGESTION_CPU_LIMIT=0.5", "INGESTION_CPU_LIMIT=0.55")

    assert code(*ask) == 0
    assert "nothing to change" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ("--rate", "9000", *LOAD),
        ("--rate", "200", "--entities", "90000", "--retention", "30d"),
        ("--rate", "fast", *LOAD),
        ("--rate", "800", "--entities", "1000", "--retention", "soon"),
        ("--rate", "800", *LOAD, "--survive", "long"),
    ],
)
def test_refused_advice_changes_no_file(
    run: Path, env: Path, argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be answered ends with 2 and leaves the file as it was."""
    assert code("advise", *argv, "--report", run, "--apply", env) == 2
    assert capsys.readouterr().err.startswith("capacity: ")
    assert env.read_text() == ENV


def test_one_bad_line_keeps_all_others(
    run: Path, env: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No limit is written where one cannot be."""
    text = ENV.replace("ENRICHMENT_CPU_LIMIT=1.0", "ENRICHMENT_CPU_LIMIT=much")
    env.write_text(text)

    ends = code("advise", "--rate", "800", *LOAD, "--report", run, "--apply", env)

    assert ends == 2
    assert "ENRICHMENT_CPU_LIMIT=much is not understood" in capsys.readouterr().err
    assert env.read_text() == text


@pytest.mark.parametrize("option", ["--dry-run", "--shrink"])
def test_options_of_apply_need_a_file(
    run: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run of nothing is a mistake."""
    assert code("advise", "--rate", "9", *LOAD, "--report", run, option) == 2
    assert "name the file" in capsys.readouterr().err


def test_json_is_one_document_while_a_file_changes(
    run: Path, env: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The diff goes to standard error, so that a program can read the answer."""
    ask = ("advise", "--rate", "800", *LOAD, "--report", run, "--apply", env)

    assert code(*ask, "--json") == 0
    shown = capsys.readouterr()
    assert {c["variable"] for c in json.loads(shown.out)["changes"]} == {
        "INFLUXDB_CPU_LIMIT",
        "INGESTION_CPU_LIMIT",
    }
    assert "+INFLUXDB_CPU_LIMIT=3.65" in shown.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "--base TAG"),
        (("--candidate", "dev"), "--base TAG"),
        (("--aa", "--candidate", "dev"), "leave out --candidate"),
        (("--base", "0.1.0"), "give --rate N"),
        (("--aa",), "give --rate N"),
        (("--base", "0.1.0", "--rate", "0"), "1 at least"),
        (("--base", "0.1.0", "--rate", "nan"), "1 at least"),
        (("--base", "0.1.0", "--rate", "9", "--pairs", "0"), "1 at least"),
        (("--base", "0.1.0", "--rate", "9", "--seconds", "0"), "1 at least"),
    ],
    ids=str,
)
def test_gate_that_cannot_begin_says_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argv: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before an engine is asked for anything."""
    monkeypatch.chdir(tmp_path)

    assert code("gate", *argv) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_gate_takes_no_rate_of_a_real_source(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its edge is where Home Assistant is late, far below what the stack carries."""
    document = (run / "report.json").read_text("utf-8")
    assert document.count('"fake_ha"') == 1
    (run / "report.json").write_text(document.replace('"fake_ha"', '"real_ha"'))
    monkeypatch.chdir(run.parents[1])

    assert code("gate", "--aa") == 2
    assert "give --rate N" in capsys.readouterr().err


def test_gate_refuses_a_history_of_another_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Now, and not after half an hour of trials."""
    (tmp_path / "history.jsonl").write_text("{}\n")

    assert code("gate", "--aa", "--rate", "9", "--out", tmp_path) == 2
    assert "history.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "gate"])
def test_run_says_when_there_is_no_engine(tmp_path: Path, command: str) -> None:
    """One message says what to look at; nothing is left behind."""
    options = {
        "run": ("--reports", tmp_path / "reports"),
        "gate": ("--aa", "--rate", "9", "--out", tmp_path / "reports"),
    }
    # A process of its own: the engine's library leaves a socket open when it fails.
    done = subprocess.run(
        [sys.executable, "-m", "capacity", command, *options[command]],
        env={"DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("capacity: the stack: ")
    assert "docker version" in done.stderr
    assert not (tmp_path / "reports").exists()
