"""The steps that bring InfluxDB to what the settings say; each looks before it acts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from enrichment_pipeline.errors import ProvisionError, ProvisionLater
from servicekit.retry import delays

from .influx_admin import Authorization, Bucket, InfluxAdmin, Organisation
from .settings import ProvisionSettings
from .token_files import write_token

__all__ = ["TOKEN_FILES_EXIT_CODE", "TOO_LATE_EXIT_CODE", "provision", "provision_once"]

TOO_LATE_EXIT_CODE: Final = 1
TOKEN_FILES_EXIT_CODE: Final = 4
_FIRST_RETRY_SECONDS: Final = 0.25
_LONGEST_RETRY_SECONDS: Final = 3.0

_log = structlog.get_logger(__name__)


async def provision(
    settings: ProvisionSettings,
    admin: InfluxAdmin,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Set up InfluxDB, waiting for it as long as the settings say.

    Raises:
        ProvisionError: it cannot be done; says what to do about it.
    """
    deadline = monotonic() + settings.influxdb_init_timeout_seconds
    for delay in delays(_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS):
        try:
            await provision_once(settings, admin)
        except ProvisionLater as err:
            if monotonic() + delay > deadline:
                raise ProvisionError(
                    f"INFLUXDB_URL: {err}, for "
                    f"{settings.influxdb_init_timeout_seconds:g} s; fix: look at the "
                    "log of InfluxDB, or raise INFLUXDB_INIT_TIMEOUT_SECONDS",
                    TOO_LATE_EXIT_CODE,
                ) from err
            _log.info("provision.waiting", cause=str(err))
            await pause(delay)
        else:
            return


async def provision_once(settings: ProvisionSettings, admin: InfluxAdmin) -> None:
    """Bring InfluxDB and the token files to what the settings say.

    Raises:
        ProvisionLater: InfluxDB does not answer (yet).
        ProvisionError: it cannot be done; says what to do about it.
    """
    if await admin.setup_allowed():
        await _set_up(settings, admin)
    organisation = await _ensure_organisation(settings, admin)
    bucket = await _ensure_bucket(settings, admin, organisation)
    for action in ("write", "read"):
        token = await _ensure_token(settings, admin, organisation, bucket, action)
        path = settings.influxdb_token_dir / f"{action}_token"
        try:
            changed = await asyncio.to_thread(write_token, path, token)
        except OSError as err:
            raise ProvisionError(
                f"INFLUXDB_TOKEN_DIR: cannot write {path}: {err.strerror}; fix: give "
                "the folder to the user that the services run as",
                TOKEN_FILES_EXIT_CODE,
            ) from err
        _log.info("provision.token_file", path=str(path), changed=changed)


async def _set_up(settings: ProvisionSettings, admin: InfluxAdmin) -> None:
    await admin.set_up(
        {
            "username": settings.influxdb_admin_username,
            "password": settings.influxdb_admin_password.get_secret_value(),
            "org": settings.influxdb_org,
            "bucket": settings.influxdb_bucket,
            "retentionPeriodSeconds": settings.retention_seconds,
            "token": settings.influxdb_admin_token.get_secret_value(),
        }
    )
    _log.info("provision.set_up", org=settings.influxdb_org)


async def _ensure_organisation(
    settings: ProvisionSettings, admin: InfluxAdmin
) -> Organisation:
    found = await admin.organisation(settings.influxdb_org)
    if found is not None:
        return found
    _log.info("provision.organisation_created", org=settings.influxdb_org)
    return await admin.create_organisation(settings.influxdb_org)


async def _ensure_bucket(
    settings: ProvisionSettings, admin: InfluxAdmin, organisation: Organisation
) -> Bucket:
    name, seconds = settings.influxdb_bucket, settings.retention_seconds
    found = await admin.bucket(organisation.id, name)
    if found is None:
        _log.info("provision.bucket_created", bucket=name, retention_seconds=seconds)
        return await admin.create_bucket(organisation.id, name, seconds)
    if found.retention_seconds != seconds:
        await admin.set_retention(found.id, seconds)
        _log.warning(
            "provision.retention_changed",
            bucket=name,
            old_seconds=found.retention_seconds,
            new_seconds=seconds,
        )
    return found


async def _ensure_token(
    settings: ProvisionSettings,
    admin: InfluxAdmin,
    organisation: Organisation,
    bucket: Bucket,
    action: str,
) -> str:
    """Return the token of that description; others of the same name are revoked."""
    description = f"ha-ingestor: {action} {settings.influxdb_bucket}"
    usable: Authorization | None = None
    for one in await admin.authorizations(organisation.id):
        if one.description != description:
            continue
        if usable is None and _may_only(one, action, bucket):
            usable = one
        else:
            await admin.revoke(one.id)
            _log.warning("provision.token_revoked", description=description)
    if usable is None:
        usable = await admin.authorize(organisation.id, bucket.id, action, description)
        _log.info("provision.token_created", description=description)
    return usable.token


def _may_only(authorization: Authorization, action: str, bucket: Bucket) -> bool:
    allowed = [
        (one.action, one.resource.type, one.resource.id)
        for one in authorization.permissions
    ]
    active = authorization.status == "active"
    return active and allowed == [(action, "buckets", bucket.id)]
