"""Compare image, command and variables of a container with the file (pure)."""

from __future__ import annotations

from ..model import Service
from .made import Made
from .spelling import full_name, pairs, words

_LABEL = "com.docker.compose."
_PROXIES = frozenset(
    name
    for plain in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
    for name in (plain, plain.upper())
)
_GIVEN = _PROXIES | {"PATH", "HOSTNAME", "HOME", "TERM"}


def compare_image(service: Service, made: Made) -> list[str]:
    """Compare by name, by what the name means now, and by digest."""
    found = []
    named = str(made.config.get("Image") or "")
    if made.wanted_image and full_name(named) != full_name(made.wanted_image):
        found.append(f"was made from {named}, declared is {made.wanted_image}")
    elif made.tagged and made.tagged != made.attrs.get("Image"):
        found.append(f"runs an older image than the one that {named} names now")
    wanted = service.image.partition("@")[2]
    digests = made.image.get("RepoDigests") or ()
    if wanted and digests and not any(d.endswith(f"@{wanted}") for d in digests):
        found.append(f"the image has not the declared digest {wanted}")
    return found


def compare_platform(service: Service, made: Made) -> list[str]:
    """Compare system and architecture."""
    if not made.image:
        return []
    parts = str(service.declared["platform"]).lower().split("/")
    has = (str(made.image.get("Os")), str(made.image.get("Architecture")))
    names = {"x86_64": "amd64", "aarch64": "arm64", "armhf": "arm"}
    wanted = [names.get(part, part) for part in parts[:2]]
    if all(part in has for part in wanted):
        return []
    return [f"the image is for {'/'.join(has)}, declared is {'/'.join(parts)}"]


def compare_command(service: Service, made: Made) -> list[str]:
    """Compare with the declared command, or with the image's."""
    declared = words(service.declared.get("command"))
    if not declared:
        own = words(service.declared.get("entrypoint"))
        declared = [] if own else list(made.of_image.get("Cmd") or ())
        if not made.image:
            return []
    has = list(made.config.get("Cmd") or ())
    return [] if has == declared else ["the command differs"]


def compare_entrypoint(service: Service, made: Made) -> list[str]:
    """Compare with the declared entry point, or with the image's."""
    declared = words(service.declared.get("entrypoint"))
    if declared is None or declared in ([], [""]):
        if not made.image or declared is not None:
            return []
        declared = list(made.of_image.get("Entrypoint") or ())
    has = list(made.config.get("Entrypoint") or ())
    return [] if has == declared else ["the entrypoint differs"]


def compare_environment(service: Service, made: Made) -> list[str]:
    """Compare variables; their values are never quoted."""
    declared = pairs(service.declared.get("environment"))
    has = pairs(made.config.get("Env") or ())
    given = pairs(made.of_image.get("Env") or ())
    found = []
    for name, value in declared.items():
        if value is None:
            continue
        if name not in has:
            found.append(f"{name} is missing")
        elif has[name] != value:
            found.append(f"{name} has another value")
    if made.image:
        extra = set(has) - set(declared) - set(given) - _GIVEN
        found += [f"{name} is not in the file" for name in sorted(extra)]
    return found


def compare_labels(service: Service, made: Made) -> list[str]:
    """Compare all labels but those that Compose adds."""
    has = made.config.get("Labels") or {}
    return [
        f"label {name} differs" if name in has else f"label {name} is missing"
        for name, value in pairs(service.declared.get("labels")).items()
        if not name.startswith(_LABEL) and has.get(name) != (value or "")
    ]
