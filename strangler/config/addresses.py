"""Where things listen and are reached: hosts, addresses, URLs and networks."""

import ipaddress
import re
from dataclasses import dataclass

from strangler.config.reading import show
from strangler.config.units import Wrong
from strangler.core.model import Address

MAX_PORT = 65_535
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"

_HOST_PORT = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?")
_AUTHORITY = re.compile(r"[A-Za-z0-9._-]*(:[0-9]*)?|[][0-9A-Fa-f:.]+")
"""What may be a host with its port; in anything else a secret may stand, behind a slash that was forgotten."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,15}")

_PORTS = {"http": 80, "https": 443}
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared, never bound
_LOOPBACK = {"127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an upstream's URL leads."""

    address: Address
    is_tls: bool


def host(text: str) -> str | Wrong:
    """Return a name or an IP address in lower case, IPv6 without its brackets."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare or re.fullmatch(r"[0-9.]+", bare):
        try:
            return str(ipaddress.ip_address(bare))
        except ValueError:
            return Wrong(message=f"{show(text)} is not an IP address", remedy="Write one such as `127.0.0.1`")
    if len(bare) > 253 or not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", bare):
        remedy = "Write letters, digits, dots and hyphens; other alphabets as xn--…"
        return Wrong(message=f"{show(text)} is not a host name", remedy=remedy)
    return bare.lower()


def listener(text: str) -> Address | Wrong:
    """Return the address to listen on; port 0 lets the system choose."""
    if re.fullmatch(r"(\*?:)?[0-9]+", text):
        port = text.rpartition(":")[2][:9]
        remedy = f"Write `127.0.0.1:{port}` for this machine alone, or the host to listen on"
        return Wrong(message=f"{show(text)} names no host", remedy=remedy)
    return _address(text, smallest=0)


def upstream(text: str) -> Target | Wrong:
    """Return the address that an http:// or https:// URL names."""
    if "@" in text:
        # Because a URL with a user may carry a password, nothing of it is repeated.
        return Wrong(message="the URL carries a user or a password", remedy="Remove everything before the `@`")
    scheme, separator, rest = text.partition("://")
    if not separator and _HOST_PORT.fullmatch(text):
        return Wrong(message=f"{show(text)} is not a URL", remedy=f"Write `http://{text[:60]}`")
    if not separator or not _SCHEME.fullmatch(scheme):
        # Because what follows a host may be a secret, and faults go to logs and to viewers, it is not repeated.
        return Wrong(message="this is not a URL", remedy="Write one such as `http://127.0.0.1:8030`")
    port = _PORTS.get(scheme.lower())
    if port is None:
        remedy = "Write `http://` or `https://`"
        return Wrong(message=f"{show(scheme)} is not a scheme that is spoken here", remedy=remedy)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if tail not in ("", "/"):
        remedy = f"End after the port: `{scheme.lower()}://{authority[:60]}`; the client's path is passed on as it is"
        return Wrong(message="the URL has a path or a query", remedy=remedy)
    if not _AUTHORITY.fullmatch(authority):
        return Wrong(message="the URL names no host, or its port is none", remedy="Write one such as `http://a:8030`")
    has_port = re.search(r":[0-9]*$", authority) and not re.fullmatch(r"[^\[]*:[^\[]*:.*", authority)
    address = _address(authority if has_port else f"{authority}:{port}", smallest=1)
    return address if isinstance(address, Wrong) else Target(address=address, is_tls=scheme.lower() == "https")


def service(text: str) -> str | Wrong:
    """Return an http(s) URL without a slash at its end."""
    if "@" in text or "?" in text or "#" in text:
        return Wrong(message="the URL carries a user, a query or a fragment", remedy="Write host, port and path only")
    found = re.fullmatch(r"https?://([^/\s]+)(/[!-~]*)?", text)
    if found is None or not _AUTHORITY.fullmatch(found[1]):
        # Because a webhook's path is a secret, and faults go to logs and to viewers, it is not repeated.
        return Wrong(message="this is not a URL", remedy="Write one such as `http://127.0.0.1:8030`")
    authority = found[1]
    address = _address(authority if re.search(r":[0-9]*$", authority) else f"{authority}:80", smallest=1)
    return address if isinstance(address, Wrong) else text.rstrip("/")


def network(text: str) -> str | Wrong:
    """Return a network in CIDR notation; a single address becomes a network of one."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        wide = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return Wrong(message=f"{show(text)} is not a network", remedy="Write one such as `10.0.0.0/8`")
    return Wrong(message=f"{show(text)} is an address inside a network", remedy=f"Write `{wide}`")


def clash(one: Address, other: Address) -> bool:
    """Whether two listeners cannot both be had."""
    same = _numeric(one) == _numeric(other) or bool({one.host, other.host} & _EVERYWHERE)
    return one.port == other.port != 0 and same


def leads_to(target: Address, listen: Address) -> bool:
    """Whether what is sent to `target` certainly arrives at the listener `listen`."""
    same = _numeric(target) == _numeric(listen) or (listen.host in _EVERYWHERE and _numeric(target) in _LOOPBACK)
    return target.port == listen.port != 0 and same


def _numeric(address: Address) -> str:
    return "127.0.0.1" if address.host == "localhost" else address.host


def _address(text: str, *, smallest: int) -> Address | Wrong:
    name, separator, digits = text.rpartition(":")
    if ":" in name and not (name.startswith("[") and name.endswith("]")):
        return Wrong(message=f"{show(text)} is not an address", remedy="Write IPv6 in brackets: `[::1]:8080`")
    if not separator or text.endswith("]"):
        return Wrong(message=f"{show(text)} names no port", remedy=f"Write `{text[:60]}:8080`")
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not smallest <= int(digits) <= MAX_PORT:
        return Wrong(message=f"{show(digits)} is not a port", remedy=f"Write {smallest} to {MAX_PORT}")
    known = host(name)
    return known if isinstance(known, Wrong) else Address(host=known, port=int(digits))
