"""Where may a request of ours go? To an address on a list of the site, and nowhere else, whatever a caller, a link or a token names.

Every outgoing URL passes `permitted`. Two readers have to agree on its host, because an address that is read in two ways is the usual way
round a list: https://owasp.org/www-community/attacks/Server_Side_Request_Forgery.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

import urllib3

from adapter.fhir.trouble import Fault, Trouble

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# What RFC 3986 lets stand before the query, and `|`, which FHIR searches hold.
_BEFORE_QUERY = re.compile(r"[A-Za-z0-9._~:/\[\]@!$&'()*+,;=%|-]+")
# Dots and slashes in other clothes: some servers take them for the steps upwards that they are not.
_OTHERWISE_READ = re.compile(r"%(2e|2f|5c)|/\.\.?;", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def permitted(url: str, allowed: Iterable[str]) -> str:
    """The URL if it is one of the allowed ones or lies below one of them; else a trouble that does not repeat it."""
    if not is_safe(url) or not any(url == base or _is_within(url, base) for base in allowed):
        raise Trouble(Fault.NOT_ALLOWED, "an address outside the list of this site")
    return url


def is_safe(url: str) -> bool:
    """Whether an address may carry patient data at all: https, or http on this machine, and nothing in it that can be read in two ways."""
    if _CONTROL.search(url) or not _BEFORE_QUERY.fullmatch(url.partition("?")[0]):
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        other = urllib3.util.parse_url(url)
    except (ValueError, urllib3.exceptions.LocationParseError):
        return False
    if not host or parts.username is not None or parts.fragment or (other.host or "").strip("[]") != host or other.port != port:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


def checked_base(base: str) -> str:
    """A base that may be called: https, or http on this machine, and no query."""
    if not is_safe(base) or "?" in base:
        raise ValueError("a FHIR server is https://host/path, or http:// on this machine")
    return base.rstrip("/")


def _is_within(url: str, base: str) -> bool:
    """Whether a URL lies below a base; the dots that a path may hold are resolved first."""
    parts, ours = urlsplit(urljoin(url, urlsplit(url).path or "/")), urlsplit(base)
    same_server = (parts.scheme, parts.hostname, _port(url)) == (ours.scheme, ours.hostname, _port(base))
    path = ours.path.rstrip("/")
    is_plain = "/.." not in parts.path and not _OTHERWISE_READ.search(url.partition("?")[0])
    return same_server and is_plain and not ours.query and (parts.path.rstrip("/") == path or parts.path.startswith(f"{path}/"))


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
