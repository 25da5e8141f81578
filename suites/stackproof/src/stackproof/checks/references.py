"""Find what a service's environment says about other servers, and judge it (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from ..check import Finding, failed, passed
from ..sight import Reached

# Schemes whose host is one of a network; s3://bucket and its like are none.
_PORTS = {
    "amqp": 5672,
    "amqps": 5671,
    "bolt": 7687,
    "clickhouse": 9000,
    "couchdb": 5984,
    "elasticsearch": 9200,
    "etcd": 2379,
    "ftp": 21,
    "grpc": None,
    "grpcs": None,
    "http": 80,
    "https": 443,
    "influxdb": 8086,
    "kafka": 9092,
    "ldap": 389,
    "ldaps": 636,
    "mariadb": 3306,
    "memcached": 11211,
    "mongodb": 27017,
    "mqtt": 1883,
    "mqtts": 8883,
    "mssql": 1433,
    "mysql": 3306,
    "nats": 4222,
    "neo4j": 7687,
    "postgres": 5432,
    "postgresql": 5432,
    "pulsar": 6650,
    "redis": 6379,
    "rediss": 6379,
    "sftp": 22,
    "smtp": 25,
    "smtps": 465,
    "ssh": 22,
    "tcp": None,
    "tls": None,
    "udp": None,
    "ws": 80,
    "wss": 443,
}
_UDP = frozenset({"udp"})
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9]*)(?:\+[a-z0-9.+-]+)?://(?:[^@/?#\s]*@)?"
    r"(?P<hosts>[A-Za-z0-9_,:.\[\]-]+)(?:[/?#]\S*)?"
)
_HOST = re.compile(
    r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)(?::(?P<port>\d{1,5}))?"
)
_HOST_NAMES = re.compile(
    r"(?:^|_)(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER|ENDPOINT|BROKER)$", re.IGNORECASE
)
# What a browser or another person is told, not what the service connects to.
_NOT_OURS = re.compile(
    r"ORIGIN|CORS|PUBLIC|EXTERNAL|CALLBACK|REDIRECT|AUDIENCE|ISSUER|NAMESPACE|SCHEMA"
    r"|ADVERTISE|LISTEN|BIND|FRONTEND|ROOT_URL|BASE_URL|SITE|VIRTUAL|SERVER_NAME",
    re.IGNORECASE,
)
_SELF = frozenset({"localhost", "ip6-localhost", "host-gateway"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A variable that names another server.

    Attributes:
        variable: its name.
        host: the server's name, a single label.
        port: None where none is said or known.
    """

    variable: str
    host: str
    port: int | None = None

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


def references(
    environment: object, known: Collection[str], absent: Collection[str] = ()
) -> Iterator[Reference]:
    """Yield what an environment says about servers whose name is a single label.

    A URL counts whatever its host is. A plain name in a variable such as DB_HOST counts
    when it is, or nearly is, a name of the file.

    Args:
        environment: the declared variables.
        known: all names of the file's services.
        absent: services that the file has and this run does not: by their profile.
    """
    if not isinstance(environment, Mapping):
        return
    for variable, value in environment.items():
        text = "" if value is None else str(value).strip()
        if not text or re.search(r"[$<>{}*\s]", text):
            continue
        for one in _in_value(str(variable), text, known):
            if one.host.lower() not in _SELF and one.host not in absent:
                yield one


def _in_value(variable: str, text: str, known: Collection[str]) -> Iterator[Reference]:
    url = _URL.fullmatch(text)
    if url is not None:
        scheme = url["scheme"]
        if scheme not in _PORTS:
            return
        for host in url["hosts"].split(","):
            found = _HOST.fullmatch(host)
            # In a variable meant for others, only the names of the file are taken.
            if found is None or found["host"].isdigit():
                continue
            if _NOT_OURS.search(variable) and found["host"] not in known:
                continue
            port = int(found["port"]) if found["port"] else _PORTS[scheme]
            yield Reference(
                variable=variable,
                host=found["host"],
                port=None if scheme in _UDP else port,
            )
        return
    named = _HOST.fullmatch(text)
    if named is None or not _HOST_NAMES.search(variable) or _NOT_OURS.search(variable):
        return
    host = named["host"]
    close = get_close_matches(host, sorted(known), n=1, cutoff=0.8)
    if host in known or (close and not host.isdigit()):
        port = int(named["port"]) if named["port"] else None
        yield Reference(variable=variable, host=host, port=port)


def judge_reference(
    reference: Reference,
    addresses: tuple[str, ...],
    reached: Mapping[str, Reached],
    *,
    names: Collection[str],
    unshared: str | None = None,
) -> Finding:
    """Judge whether a server that the environment names can be found and reached.

    Args:
        reference: what the environment says.
        addresses: what its host resolves to inside the container.
        reached: address to how a connection ended; empty where another check tells.
        names: all names of the file's services, for a hint.
        unshared: the service that has this name and shares no network.
    """
    if not addresses:
        close = get_close_matches(reference.host, sorted(names), n=1, cutoff=0.6)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        if unshared:
            hint = f": it shares no network with {unshared}; give both a common one."
        return failed(
            f"{reference.host} does not resolve",
            f"{reference.variable} names a server that this service cannot find{hint}",
        )
    got = [address for address, result in reached.items() if result.accepted]
    if reached and not got:
        outcome = next(iter(reached.values())).outcome
        return failed(
            f"{outcome} at {reference}",
            f"{reference.variable} names a port on which {reference.host} does not "
            "answer: correct the port here, or see what the server listens on.",
        )
    answers = ", and accepts" if got else ""
    return passed(f"{reference.host} is {', '.join(addresses)}{answers}")
