"""Under which address do callers reach this service? The one that the site named, whatever a caller writes into Host."""

from __future__ import annotations

from flask import request

from adapter.web.desk import desk


def public_base() -> str:
    """The base of every link of an answer, without a slash at its end; without ADAPTER_PUBLIC_URL, as the caller wrote it."""
    return desk().settings.public_url or request.host_url.rstrip("/")
