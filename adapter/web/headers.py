"""What does every answer say to a browser? Which origins may read it (C8, A21), and that nothing may be embedded, guessed or kept."""

from __future__ import annotations

from flask import Response, current_app, g, request

from adapter.settings import Settings
from adapter.web.desk import desk
from adapter.web.guard import need_of

# Pages for people set a policy of their own before this one is filled in.
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_HSTS = "max-age=31536000; includeSubDomains"
_SENT = "Authorization, Content-Type, Accept, Prefer, If-None-Match, If-Match, X-Request-Id, X-Correlation-Id, traceparent"
_READ = "Content-Location, ETag, Location, X-Request-Id, X-Progress, Retry-After, WWW-Authenticate"
_KEPT_SECONDS = "600"
_FOR_BROWSERS = ("/fhir", "/.well-known/", "/cds-services")


def dress(response: Response) -> Response:
    """The answer with what a browser has to know."""
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    if desk().settings.public_url.startswith("https://"):
        response.headers.setdefault("Strict-Transport-Security", _HSTS)
    if "challenge" in g:
        response.headers["WWW-Authenticate"] = g.challenge
    _say_origin(response, desk().settings)
    return response


def _say_origin(response: Response, settings: Settings) -> None:
    """Any origin may read what is public, and only a registered one what takes a token; cookies are never taken."""
    origin = request.headers.get("Origin")
    if not request.path.startswith(_FOR_BROWSERS):
        return
    response.vary.add("Origin")
    if origin is None:
        return
    if _is_public():
        response.headers["Access-Control-Allow-Origin"] = "*"
    elif origin in settings.cors_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
    else:
        return
    response.headers["Access-Control-Expose-Headers"] = _READ
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "GET")
        response.headers["Access-Control-Allow-Headers"] = _SENT
        response.headers["Access-Control-Max-Age"] = _KEPT_SECONDS


def _is_public() -> bool:
    return request.endpoint is not None and need_of(current_app, request.endpoint).kind == "public"
