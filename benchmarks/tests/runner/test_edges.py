"""What the edges read and write, without the other side."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capacity.database import metric_sum
from capacity.errors import LoadFailed, RunUnusable
from capacity.fingerprint import fsync_times, parse_cpuinfo, parse_mount, percentile
from capacity.kept import Kept
from capacity.load import JobState, LocustLoad, summed
from capacity.locust.schedule import Fate, Lateness, due_events
from capacity.null_home import ANSWER, serve_one
from capacity.null_reader import Tally, frame
from capacity.order import Order
from capacity.reading import parse_looks
from capacity.stack_rig import folder_bytes
from capacity.window import achieved_of

READER = "capacity.null_reader"


def job(**changes: Any) -> JobState:
    """Return what one worker has sent."""
    kinds: dict[str, Any] = {
        "worker": 0,
        "start_us": 5_000_000,
        "seconds": 10.0,
        "emitted": 1_000,
        "behind": 0,
        "skipped": 0,
        "late": 0,
        "lag_p50": 0.001,
        "lag_p99": 0.002,
        "lag_max": 0.003,
        "ended": True,
        **changes,
    }
    return JobState(**kinds)


def test_workers_are_summed_and_the_worst_lag_counts() -> None:
    """All have begun, else there is no sum yet."""
    rows = [job(), job(worker=1, start_us=4_000_000, lag_p99=0.2, late=50)]
    found = summed(rows, workers=2)
    assert found is not None
    assert (found.emitted, found.start_us, found.workers) == (2_000, 4_000_000, 2)
    assert found.lag_p99 == 0.2
    assert summed(rows[:1], workers=2) is None
    assert summed([job(), job(worker=1, start_us=0)], workers=2) is None


def test_waiting_for_answers_makes_no_rate_lower() -> None:
    """All left within the 10 s that were meant; the last answers came 5 s later."""
    order = Order(number=1, rate=200.0, seconds=10.0)
    found = summed(
        [job(seconds=15.0, left_after=9.99), job(worker=1, seconds=15.0, left_after=5)],
        workers=2,
    )
    assert found is not None
    assert (found.seconds, found.left_after) == (15.0, 9.99)
    assert achieved_of(order, found) == pytest.approx(200.0)
    late = summed([job(seconds=15.0)], workers=1)
    assert late is not None
    assert achieved_of(order, late) == pytest.approx(200.0 * 10 / 15)


def test_lag_told_to_a_factor_of_two_is_bounded_by_what_is_counted() -> None:
    """1 % of events over 10 ms is a p99 of 10 ms, whatever the rough quantile says."""
    few, many = job(lag_p99=0.016, late=10), job(lag_p99=0.016, late=11)
    assert getattr(summed([few], workers=1), "lag_p99", None) == 0.010
    assert getattr(summed([many], workers=1), "lag_p99", None) == 0.016


# Stands for Locust: answers the first order, and takes the next one as its end.
ANSWERING = """
import json, sys, pathlib
from contextlib import suppress
from stackproof import wait_until
folder = pathlib.Path(sys.argv[1])
row = {"worker": 0, "start_us": 5, "seconds": 1.0, "emitted": 7, "behind": 0,
       "skipped": 0, "late": 0, "lag_p50": 0.0, "lag_p99": 0.0, "lag_max": 0.0,
       "ended": False, "error": ""}
answered = b""
def read():
    with suppress(FileNotFoundError):
        return (folder / "order.json").read_bytes()
    return b""
while True:
    answered = wait_until(
        read, lambda text: text not in {b"", answered}, timeout=60, every=0.01
    )
    order = json.loads(answered)
    row["ended"] = order["stop"]
    row["error"] = "refused" if order["rate"] == 13 else ""
    status = {"number": order["number"], "workers": 1, "jobs": [row]}
    new = folder / "status.new"
    new.write_text(json.dumps(status))
    new.replace(folder / "status.json")
"""


def stand_in(folder: Path, program: str) -> LocustLoad:
    """Return a load whose process is another program."""

    def start(_command: list[str], **kinds: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", program, str(folder)], **kinds)

    return LocustLoad(folder, starter=start)


def test_orders_and_answers_are_files(tmp_path: Path) -> None:
    """An order is answered by its number; at the end no process is left."""
    load = stand_in(tmp_path, ANSWERING)
    with load:
        assert load.begin(Order(number=0, rate=5.0)).emitted == 7
        assert not load.sent().ended
        assert load.cpu() > 0
        assert load.end().ended
        load.tell("fired to stored", "blob")
        with pytest.raises(LoadFailed, match="refused"):
            load.begin(Order(number=0, rate=13.0))
    assert load.cpu() == 0
    line = json.loads((tmp_path / "latency.jsonl").read_text("utf-8"))
    assert line == {"name": "fired to stored", "hdr": "blob"}


def test_a_load_that_died_is_said(tmp_path: Path) -> None:
    """The run ends with where its log is, and does not wait."""
    with (
        stand_in(tmp_path, "raise SystemExit(3)") as load,
        pytest.raises(LoadFailed, match=r"ended with 3\n.*locust\.log"),
    ):
        load.begin(Order(number=0, rate=5.0))


def test_locust_is_told_how_to_be(tmp_path: Path) -> None:
    """Headless, with its page, over processes, or over hosts."""
    assert "--headless" in LocustLoad(tmp_path).command()
    page = LocustLoad(tmp_path, web=8089, processes=2, real=True).command()
    assert "--headless" not in page
    assert page[-1] == "RealHomeAssistant"
    assert page[page.index("--processes") + 1] == "2"
    hosts = LocustLoad(tmp_path, workers=3).command()
    assert hosts[hosts.index("--expect-workers") + 1] == "3"


def test_a_kept_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    """A run cannot be gone on with from half a trial."""
    (tmp_path / "trial-001.json").write_text("{", "utf-8")
    with pytest.raises(RunUnusable, match=r"trial-001\.json"):
        Kept(tmp_path).records()


def test_metrics_are_summed_over_labels() -> None:
    """A name that another one begins with is not it."""
    text = 'a_count{x="1"} 2\na_count{x="2"} 3\na_count_more 7\na_count 1\n'
    assert metric_sum(text, "a_count") == 6


def test_a_folder_is_measured_with_all_below_it(tmp_path: Path) -> None:
    """What cannot be seen is unknown, not empty."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"12345")
    assert folder_bytes(tmp_path) == 5
    assert folder_bytes(tmp_path / "absent") is None


def test_the_disk_is_probed_for_a_time(tmp_path: Path) -> None:
    """It ends by the clock, and leaves no file."""
    ticks = iter(range(1_000))
    times = fsync_times(tmp_path, 5.0, clock=lambda: float(next(ticks)))
    assert times == [1.0] * 4
    assert not list(tmp_path.iterdir())
    assert percentile([1.0, 2.0, 3.0], 0.99) == 3.0
    assert percentile([], 0.5) == 0.0


def test_host_facts_are_parsed() -> None:
    """The deepest mount that holds the folder is its file system."""
    assert parse_cpuinfo("model name\t: Some CPU\ncpu MHz : 2400.5\n") == (
        "Some CPU",
        2400.5,
    )
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /var/lib rw - xfs /dev/sdb rw\n"
    )
    assert parse_mount(mounts, "/var/lib/docker") == ("/dev/sdb", "xfs")
    assert parse_mount(mounts, "/var/library") == ("/dev/sda1", "ext4")


def test_senders_share_the_events_of_an_order() -> None:
    """Each event is taken once, and none is due at the end or later."""
    due = due_events(Order(number=1, rate=10.0, seconds=0.4))
    assert next(due) == (0, 0.0)
    assert list(due) == [(1, 0.1), (2, 0.2), (3, 0.3)]


def test_events_that_did_not_leave_are_named() -> None:
    """The first thousand of them; all are counted by what became of them."""
    fate = Fate()
    fate.add(0, left=True)
    fate.add(1, left=False, refused=True)
    fate.add(2, left=False)
    assert (fate.sent, fate.refused, fate.unsent) == (1, 1, [1, 2])
    for number in range(3, 3_000):
        fate.add(number, left=False)
    assert len(fate.unsent) == 1_000


def test_lateness_counts_what_left_late() -> None:
    """Early is in time."""
    late = Lateness()
    for seconds in (-1.0, 0.001, 0.02):
        late.add(seconds)
    assert (late.late, late.quantile(0.5), late.quantile(1.0)) == (1, 0.001, 0.02)
    assert Lateness().quantile(0.99) == 0.0


def test_the_null_home_takes_states_on_one_connection() -> None:
    """Two requests are two answers; their bodies are forgotten."""

    async def talk() -> bytes:
        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            request = b"POST /api/states/a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
            writer.write(request * 2)
            seen = await reader.readexactly(2 * len(ANSWER))
            writer.close()
            return seen

    assert asyncio.run(talk()) == ANSWER * 2


def test_frames_are_masked_and_sized() -> None:
    """As the protocol wants them from clients."""
    assert frame("ab") == b"\x81\x82\x00\x00\x00\x00ab"
    assert frame("x" * 200)[:4] == b"\x81\xfe\x00\xc8"


@pytest.mark.parametrize("size", [1, 7, 27, 28, 29, 1_000])
def test_events_are_counted_wherever_the_stream_is_cut(size: int) -> None:
    """A mark over two reads counts, and none counts twice."""
    stream = (b'\x81\x7e[{"event_type":"state_changed","data":{}},' * 40)[:-3]
    tally = Tally()
    for start in range(0, len(stream), size):
        tally.feed(stream[start : start + size])

    assert tally.count == 40


def test_looks_of_a_reader_are_read() -> None:
    """A line that was cut off by its end is left out."""
    assert parse_looks(b"12.5 3\n12.75 10\n13.") == [(12.5, 3), (12.75, 10)]


def test_a_counting_reader_says_how_many_have_come() -> None:
    """A source of two frames, read by the real process."""
    frames = b'{"event_type":"state_changed"}' * 3
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        with subprocess.Popen(
            [
                sys.executable,
                "-m",
                "capacity.null_reader",
                "127.0.0.1",
                port,
                "--count",
            ],
            env={**os.environ, "CAPACITY_TOKEN": "t"},  # noqa: TID251 - handed on
            stdout=subprocess.PIPE,
        ) as reader:
            client, _ = server.accept()
            with client:
                client.sendall(b'auth_required auth_ok "id":2')
                assert reader.stdout is not None
                assert reader.stdout.readline() == b"reading\n"
                client.sendall(frames)
                (_, count) = parse_looks(reader.stdout.readline())[0]
    assert count == 3
