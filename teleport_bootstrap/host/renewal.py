"""When a certificate that is renewed automatically should have been renewed."""

from __future__ import annotations

_DAY = 24 * 3600.0
_SHORT_LIFETIME = 10 * _DAY
_MOST_SECONDS = 14 * _DAY


def is_late(now: float, begins: float | None, ends: float) -> bool:
    """Return whether a certificate, valid from `begins` to `ends` in seconds since 1970, was not renewed in time.

    certbot 5.8 renews when a third of the lifetime is left, or half of one below ten days; older ones, and services
    such as ACM, a month or more before the end. A certificate is late when half of what certbot leaves has passed, and
    never with more than two weeks left. Without `begins`, two weeks count.
    """
    if begins is None:
        return ends - now < _MOST_SECONDS
    lifetime = ends - begins
    renewed = lifetime / 2 if lifetime < _SHORT_LIFETIME else lifetime / 3
    return ends - now < min(renewed / 2, _MOST_SECONDS)
