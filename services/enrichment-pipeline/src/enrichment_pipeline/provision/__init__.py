"""Sets up InfluxDB: organisation, bucket, retention, and two scoped tokens.

One token may only write the bucket, one may only read it; each is in a file of
INFLUXDB_TOKEN_DIR. The command may be killed at any moment and run again.
"""

from __future__ import annotations

__all__: list[str] = []
