"""Whose sessions a request may use: an API key's, a browser's, or nobody's."""

import secrets
from hashlib import sha256

from fastapi import Request, Response

from api import keys
from api.cookie import COOKIE
from api.state import ServiceState

_COOKIE_SECONDS = 400 * 24 * 3600  # browsers keep none for longer
_COOKIE_CHARS = 32


async def owner_of(request: Request, service: ServiceState) -> str | None:
    """The owner's name: `key:…`, `browser:…`, or None for nobody.

    Raises:
        ProblemError: 401, when keys are required and the request bears none that is valid.
    """
    if service.settings.require_key:
        return await keys.owner_of(service.store.database, request.headers.get("authorization"))
    cookie = request.cookies.get(COOKIE, "")
    if len(cookie) != _COOKIE_CHARS:
        return None
    # Whoever reads the database learns no cookie from it.
    return f"browser:{sha256(cookie.encode()).hexdigest()}"


def remember_browser(request: Request, response: Response) -> None:
    """Give a browser the id that makes it an owner, or keep the one it has for longer.

    Lax, not strict: a link from elsewhere must find the same owner, or it would make a new one.
    """
    known = request.cookies.get(COOKIE, "")
    cookie = known if len(known) == _COOKIE_CHARS else secrets.token_urlsafe(24)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=_COOKIE_SECONDS,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
