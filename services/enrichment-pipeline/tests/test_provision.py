"""Setting up InfluxDB: from nothing, again, after a kill, and against a refusal."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from enrichment_pipeline.errors import ProvisionError, ProvisionLater
from enrichment_pipeline.provision.influx_admin import InfluxAdmin, retention_rule
from enrichment_pipeline.provision.settings import ProvisionSettings
from enrichment_pipeline.provision.steps import provision, provision_once
from servicekit.errors import SettingsError

if TYPE_CHECKING:
    from conftest import Serve

DAY = 86_400
REQUESTS_FROM_NOTHING = 8
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeManagement:
    """The management API of InfluxDB 2.7.12, as far as setting it up needs it."""

    url: str = ""
    operator: str | None = None
    orgs: dict[str, str] = field(default_factory=dict)
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    fail_at: int | None = None
    fail_after: bool = False
    answer: tuple[int, Any] | None = None
    numbers: int = 0

    def application(self) -> web.Application:
        """Return the HTTP face."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.requests.append(f"{request.method} {request.path}")
            if self.answer is not None:
                return web.json_response(self.answer[1], status=self.answer[0])
            now = self.fail_at == len(self.requests)
            if now and not self.fail_after:
                return web.json_response({"code": "unavailable"}, status=503)
            given = request.headers.get("Authorization")
            if request.path != "/api/v2/setup" and given != f"Token {self.operator}":
                return problem(401, "unauthorized", "unauthorized access")
            done = await handler(request)
            if now:
                # Done, but nobody hears of it: the moment after which a kill is worst.
                return web.json_response({"code": "unavailable"}, status=503)
            return done

        app = web.Application(middlewares=[guard])
        app.add_routes(
            [
                web.get("/api/v2/setup", self.get_setup),
                web.post("/api/v2/setup", self.post_setup),
                web.get("/api/v2/orgs", self.get_orgs),
                web.post("/api/v2/orgs", self.post_orgs),
                web.get("/api/v2/buckets", self.get_buckets),
                web.post("/api/v2/buckets", self.post_buckets),
                web.patch("/api/v2/buckets/{id}", self.patch_bucket),
                web.get("/api/v2/authorizations", self.get_tokens),
                web.post("/api/v2/authorizations", self.post_tokens),
                web.delete("/api/v2/authorizations/{id}", self.delete_token),
            ]
        )
        return app

    def new_id(self) -> str:
        """Return an id that was not there before."""
        self.numbers += 1
        return f"{self.numbers:016x}"

    async def get_setup(self, _: web.Request) -> web.Response:
        """Tell whether it is to be set up."""
        return web.json_response({"allowed": self.operator is None})

    async def post_setup(self, request: web.Request) -> web.Response:
        """Set up."""
        if self.operator is not None:
            return problem(422, "conflict", "onboarding has already been completed")
        asked = await request.json()
        self.operator = asked["token"]
        self.orgs[asked["org"]] = self.new_id()
        self.add_bucket(asked["bucket"], asked["retentionPeriodSeconds"])
        return web.json_response({}, status=201)

    def add_bucket(self, name: str, seconds: int) -> dict[str, Any]:
        """Add a bucket."""
        rule = retention_rule(seconds)
        bucket = {"id": self.new_id(), "name": name, "retentionRules": [rule]}
        self.buckets[name] = bucket
        return bucket

    async def get_orgs(self, request: web.Request) -> web.Response:
        """Find an organisation."""
        name = request.query["org"]
        if name not in self.orgs:
            return problem(404, "not found", f'organization name "{name}" not found')
        return web.json_response({"orgs": [{"id": self.orgs[name], "name": name}]})

    async def post_orgs(self, request: web.Request) -> web.Response:
        """Create an organisation."""
        name = (await request.json())["name"]
        self.orgs[name] = self.new_id()
        return web.json_response({"id": self.orgs[name], "name": name}, status=201)

    async def get_buckets(self, request: web.Request) -> web.Response:
        """Find a bucket."""
        name = request.query["name"]
        if name not in self.buckets:
            return problem(404, "not found", f'bucket "{name}" not found')
        return web.json_response({"buckets": [self.buckets[name]]})

    async def post_buckets(self, request: web.Request) -> web.Response:
        """Create a bucket."""
        asked = await request.json()
        seconds = asked["retentionRules"][0]["everySeconds"]
        return web.json_response(self.add_bucket(asked["name"], seconds), status=201)

    async def patch_bucket(self, request: web.Request) -> web.Response:
        """Change the retention; the shard duration must come with it."""
        (rule,) = (await request.json())["retentionRules"]
        shard = rule.get("shardGroupDurationSeconds", 7 * DAY)
        if 0 < rule["everySeconds"] < shard:
            return problem(422, "unprocessable entity", "shard-group duration")
        for bucket in self.buckets.values():
            if bucket["id"] == request.match_info["id"]:
                bucket["retentionRules"] = [rule]
        return web.json_response({})

    async def get_tokens(self, _: web.Request) -> web.Response:
        """List the tokens in clear, as 2.7 does for the operator."""
        return web.json_response({"authorizations": list(self.tokens.values())})

    async def post_tokens(self, request: web.Request) -> web.Response:
        """Create a token."""
        asked = await request.json()
        made = asked | {
            "id": self.new_id(),
            "token": f"secret-{self.numbers}",
            "status": "active",
        }
        self.tokens[made["id"]] = made
        return web.json_response(made, status=201)

    async def delete_token(self, request: web.Request) -> web.Response:
        """Revoke a token."""
        if self.tokens.pop(request.match_info["id"], None) is None:
            return problem(404, "not found", "authorization not found")
        return web.Response(status=204)

    def described(self) -> dict[str, tuple[str, str]]:
        """Return action and bucket of each token, by its secret."""
        return {
            one["token"]: (
                one["permissions"][0]["action"],
                one["permissions"][0]["resource"]["id"],
            )
            for one in self.tokens.values()
        }


def problem(status: int, code: str, message: str) -> web.Response:
    """Return an error as InfluxDB says it."""
    return web.json_response({"code": code, "message": message}, status=status)


@pytest_asyncio.fixture
async def fake(serve_app: Serve) -> FakeManagement:
    """A running InfluxDB that nobody has set up."""
    made = FakeManagement()
    made.url = await serve_app(made.application())
    return made


@pytest.fixture
def settings(fake: FakeManagement, tmp_path: Path) -> ProvisionSettings:
    """The settings of the one-shot."""
    return settings_of(fake, tmp_path)


def settings_of(
    fake: FakeManagement, folder: Path, **changes: Any
) -> ProvisionSettings:
    """Return settings with some values replaced."""
    given: dict[str, Any] = {
        "influxdb_url": fake.url,
        "influxdb_org": "home",
        "influxdb_bucket": "ha",
        "influxdb_retention_days": 30,
        "influxdb_admin_username": "admin",
        "influxdb_admin_password": "long-enough",
        "influxdb_admin_token": "operator-secret",
        "influxdb_token_dir": folder / "tokens",
    }
    return ProvisionSettings.load(**(given | changes))


def admin_of(
    settings: ProvisionSettings, session: aiohttp.ClientSession
) -> InfluxAdmin:
    """Return the client with the operator's token of the settings."""
    return InfluxAdmin(
        session,
        url=settings.influxdb_url,
        operator_token=settings.influxdb_admin_token.get_secret_value(),
    )


def tokens_in(folder: Path) -> dict[str, str]:
    """Return the content of the token files."""
    return {one.name: one.read_text().strip() for one in (folder / "tokens").iterdir()}


@pytest.mark.asyncio
async def test_from_nothing(
    fake: FakeManagement,
    settings: ProvisionSettings,
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    """Organisation, bucket, retention, one token to write and one to read."""
    await provision(settings, admin_of(settings, session))

    assert len(fake.requests) == REQUESTS_FROM_NOTHING
    assert fake.operator == "operator-secret"
    assert list(fake.orgs) == ["home"]
    assert fake.buckets["ha"]["retentionRules"][0]["everySeconds"] == 30 * DAY
    files = tokens_in(tmp_path)
    bucket = fake.buckets["ha"]["id"]
    assert fake.described() == {
        files["write_token"]: ("write", bucket),
        files["read_token"]: ("read", bucket),
    }


@pytest.mark.asyncio
async def test_again_changes_nothing(
    fake: FakeManagement,
    settings: ProvisionSettings,
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    """The second run only looks, and finds the tokens again by their description."""
    admin = admin_of(settings, session)
    await provision(settings, admin)
    files = tokens_in(tmp_path)
    fake.requests.clear()

    await provision(settings, admin)

    assert tokens_in(tmp_path) == files
    assert {line.split(" ")[0] for line in fake.requests} == {"GET"}


@pytest.mark.asyncio
async def test_lost_token_files_are_written_again(
    settings: ProvisionSettings, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The files can be made anew from what InfluxDB knows."""
    admin = admin_of(settings, session)
    await provision(settings, admin)
    files = tokens_in(tmp_path)
    for name in files:
        (tmp_path / "tokens" / name).unlink()

    await provision(settings, admin)

    assert tokens_in(tmp_path) == files


@pytest.mark.asyncio
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, REQUESTS_FROM_NOTHING + 1))
async def test_kill_at_any_request_is_mended_by_the_next_run(
    fake: FakeManagement,
    settings: ProvisionSettings,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    step: int,
    *,
    after: bool,
) -> None:
    """Ended before or after each request took effect, a second run completes it."""
    fake.fail_at, fake.fail_after = step, after
    with pytest.raises(ProvisionLater):
        await provision_once(settings, admin_of(settings, session))

    await provision_once(settings, admin_of(settings, session))

    bucket = fake.buckets["ha"]["id"]
    files = tokens_in(tmp_path)
    assert fake.described() == {
        files["write_token"]: ("write", bucket),
        files["read_token"]: ("read", bucket),
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("days", [1, 90, 365, 0])
async def test_retention_follows_the_settings(
    fake: FakeManagement,
    settings: ProvisionSettings,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    days: int,
) -> None:
    """Shorter, longer and for ever; InfluxDB wants a fitting shard duration."""
    await provision(settings, admin_of(settings, session))
    changed = settings_of(fake, tmp_path, influxdb_retention_days=days)

    await provision(changed, admin_of(changed, session))

    assert fake.buckets["ha"]["retentionRules"][0]["everySeconds"] == days * DAY


@pytest.mark.asyncio
async def test_other_names_are_created_beside_the_first(
    fake: FakeManagement,
    settings: ProvisionSettings,
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    """A renamed organisation and bucket come into being; the old ones stay."""
    await provision(settings, admin_of(settings, session))
    renamed = settings_of(
        fake, tmp_path, influxdb_org="cabin", influxdb_bucket="events"
    )

    await provision(renamed, admin_of(renamed, session))

    assert sorted(fake.orgs) == ["cabin", "home"]
    assert sorted(fake.buckets) == ["events", "ha"]
    write = tokens_in(tmp_path)["write_token"]
    assert fake.described()[write] == ("write", fake.buckets["events"]["id"])


@pytest.mark.asyncio
@pytest.mark.parametrize("spoil", ["status", "bucket", "double"])
async def test_token_that_does_not_fit_is_replaced(
    fake: FakeManagement,
    settings: ProvisionSettings,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    spoil: str,
) -> None:
    """Inactive tokens, those of an older bucket, and doubles are revoked."""
    admin = admin_of(settings, session)
    await provision(settings, admin)
    first = next(iter(fake.tokens.values()))
    match spoil:
        case "status":
            first["status"] = "inactive"
        case "bucket":
            first["permissions"][0]["resource"]["id"] = "gone"
        case _:
            fake.tokens["double"] = first | {"id": "double", "token": "secret-double"}

    await provision(settings, admin)

    files = tokens_in(tmp_path)
    bucket = fake.buckets["ha"]["id"]
    assert fake.described() == {
        files["write_token"]: ("write", bucket),
        files["read_token"]: ("read", bucket),
    }


@pytest.mark.asyncio
async def test_wrong_operator_token_names_the_variable_and_the_fix(
    fake: FakeManagement,
    settings: ProvisionSettings,
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    """An InfluxDB that was set up with another token is not retried."""
    fake.operator = "another"

    with pytest.raises(ProvisionError) as caught:
        await provision(settings, admin_of(settings, session))

    assert caught.value.exit_code == 3
    assert str(caught.value).startswith("INFLUXDB_ADMIN_TOKEN: ")
    assert "fix: " in str(caught.value)
    assert not (tmp_path / "tokens").exists()


@pytest.mark.asyncio
async def test_waits_for_influxdb(
    fake: FakeManagement,
    settings: ProvisionSettings,
    session: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    """While it starts the one-shot waits, ever longer, and then goes on."""
    pauses: list[float] = []
    fake.answer = (503, {})

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            fake.answer = None

    await provision(settings, admin_of(settings, session), pause=pause)

    assert len(pauses) == 6
    assert pauses[0] <= 0.25 < pauses[5] <= 3.0
    assert sorted(tokens_in(tmp_path)) == ["read_token", "write_token"]


@pytest.mark.asyncio
async def test_wait_is_bounded(
    fake: FakeManagement, settings: ProvisionSettings, session: aiohttp.ClientSession
) -> None:
    """After the time in the settings it ends with the last cause."""
    now = [0.0]
    fake.answer = (500, {"code": "internal error", "message": "no bolt"})

    async def pause(seconds: float) -> None:
        now[0] += seconds

    with pytest.raises(ProvisionError) as caught:
        await provision(
            settings, admin_of(settings, session), monotonic=lambda: now[0], pause=pause
        )

    assert caught.value.exit_code == 1
    assert str(caught.value).startswith("INFLUXDB_URL: ")
    assert "no bolt, for 120 s" in str(caught.value)
    assert 110 < now[0] <= 120


@pytest.mark.asyncio
async def test_unreachable_is_waited_for(
    settings: ProvisionSettings, session: aiohttp.ClientSession
) -> None:
    """A refused connection is a reason to try again."""
    nowhere = InfluxAdmin(session, url="http://127.0.0.1:1", operator_token="x")

    with pytest.raises(ProvisionLater, match=r"127\.0\.0\.1:1"):
        await provision_once(settings, nowhere)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, [1, 2]), "the answer is not InfluxDB's"),
        ((302, {}), "answered 302"),
        ((400, {"code": "invalid", "message": "bad name"}), "bad name"),
    ],
)
async def test_what_is_not_influxdb_is_named(
    fake: FakeManagement,
    settings: ProvisionSettings,
    session: aiohttp.ClientSession,
    answer: tuple[int, Any],
    words: str,
) -> None:
    """An answer that makes no sense ends at once, with what came."""
    fake.answer = answer

    with pytest.raises(ProvisionError, match=words) as caught:
        await provision(settings, admin_of(settings, session))

    assert caught.value.exit_code == 1


@pytest.mark.asyncio
async def test_folder_that_cannot_be_written_is_named(
    fake: FakeManagement, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The message holds the variable and who should own the folder."""
    await asyncio.to_thread((tmp_path / "file").write_text, "")
    settings = settings_of(fake, tmp_path / "file")

    with pytest.raises(ProvisionError, match="INFLUXDB_TOKEN_DIR: cannot write") as it:
        await provision(settings, admin_of(settings, session))

    assert it.value.exit_code == 4


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"influxdb_admin_password": "short"}, "INFLUXDB_ADMIN_PASSWORD"),
        ({"influxdb_admin_token": ""}, "INFLUXDB_ADMIN_TOKEN"),
        ({"influxdb_retention_days": -1}, "INFLUXDB_RETENTION_DAYS"),
        ({"influxdb_admin_token": "your_token"}, "INFLUXDB_ADMIN_TOKEN"),
    ],
)
def test_settings_are_checked_before_anything_is_done(
    tmp_path: Path, changes: dict[str, Any], variable: str
) -> None:
    """InfluxDB's own rules are checked with all the others."""
    with pytest.raises(SettingsError) as caught:
        settings_of(FakeManagement(url="http://influxdb:8086"), tmp_path, **changes)

    (line,) = caught.value.problems
    assert line.startswith(f"{variable}: ")


def run_command(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run the one-shot as the container does."""
    return subprocess.run(
        [sys.executable, "-m", "enrichment_pipeline.provision"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=9,
    )


def test_command_without_settings_lists_every_problem() -> None:
    """All missing variables are in one list, and the exit code is 2."""
    done = run_command()

    assert done.returncode == 2
    assert done.stderr.startswith("settings: 7 problems\n  INFLUXDB_URL: is missing")
    assert done.stdout == ""


def test_command_without_influxdb_ends_with_one_line(tmp_path: Path) -> None:
    """No traceback: one line that names variable and fix, and the exit code is 1."""
    done = run_command(
        INFLUXDB_URL="http://127.0.0.1:1",
        INFLUXDB_ORG="home",
        INFLUXDB_BUCKET="ha",
        INFLUXDB_ADMIN_USERNAME="admin",
        INFLUXDB_ADMIN_PASSWORD="long-enough",
        INFLUXDB_ADMIN_TOKEN="operator-secret",
        INFLUXDB_TOKEN_DIR=str(tmp_path),
        INFLUXDB_INIT_TIMEOUT_SECONDS="0.1",
    )

    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("influxdb-init: INFLUXDB_URL: InfluxDB at http://127.0.0.1")
    assert "fix: " in line
    assert "long-enough" not in done.stdout + done.stderr
