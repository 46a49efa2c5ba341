"""How users sign in, how sessions are recorded, and what FIPS requires of both."""

from __future__ import annotations

from collections.abc import Iterator
from urllib import parse

from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import services
from teleport_bootstrap.plan.checks.context import NOT_A_MAPPING, Context

SERVICE = "auth_service"
_SECTION = (SERVICE, "authentication")

_TYPES = ("local", "github", "saml", "oidc")
_FACTORS = ("otp", "webauthn", "on", "off", "optional", "u2f")
_WITH_WEBAUTHN = frozenset(("on", "optional", "webauthn"))
_LISTED_FACTORS = frozenset(("otp", "webauthn", "sso"))
_RECORDING = ("node", "node-sync", "proxy", "proxy-sync", "off")
_SECOND_FACTOR = "write otp, webauthn or on"


def check(context: Context) -> Iterator[Finding]:
    """Find settings that the auth service refuses."""
    if not context.enabled(SERVICE):
        return
    section = context.get(*_SECTION)
    if section is not None and not isinstance(section, dict):
        yield context.error(_SECTION, *NOT_A_MAPPING)
        return
    yield from context.one_of((*_SECTION, "type"), context.get(*_SECTION, "type"), _TYPES)
    yield from _second_factor(context)
    yield from _webauthn(context)
    mode = (SERVICE, "session_recording")
    yield from context.one_of(mode, _word(context.get(*mode)), _RECORDING)
    if context.deployment.fips:
        yield from _fips(context)


def _second_factor(context: Context) -> Iterator[Finding]:
    single, listed = (*_SECTION, "second_factor"), (*_SECTION, "second_factors")
    if context.has(*single) and context.has(*listed):
        yield context.excluded(single, "second_factors")
    if context.has(*listed):
        yield from _list_of_factors(context)
    factor = _word(context.get(*single))
    yield from context.one_of(single, factor, _FACTORS, _SECOND_FACTOR)
    if factor in ("off", "optional") and context.build.major >= 16:
        # TELEPORT_ALLOW_NO_SECOND_FACTOR=yes in the environment lifts this, in all but 17.0.0 to 17.0.2.
        message = f"Teleport 16 and newer require a second factor, and do not start with {factor}"
        yield context.error(single, message, _SECOND_FACTOR)


def _list_of_factors(context: Context) -> Iterator[Finding]:
    path = (*_SECTION, "second_factors")
    factors = context.get(*path)
    version, remedy = f"Teleport {context.build.version}", "write second_factor: otp, webauthn or on"
    if context.build.major < 16:
        yield context.error(path, f"{version} does not know this key and would not start", remedy)
    elif not context.build.takes_second_factor_list:
        yield context.warning(path, f"{version} may not know this key, which Teleport 17 introduced", remedy)
    is_list = isinstance(factors, list) and factors
    for factor in factors if is_list else [factors]:
        words = _LISTED_FACTORS if is_list else ()
        yield from context.one_of(path, factor, words, "write a list of otp, webauthn and sso")
    if factors == ["sso"] and services.truth(context.get(*_SECTION, "local_auth")) is not False:
        yield context.error(path, "local users have no second factor", "add otp or webauthn, or set local_auth: false")


def _webauthn(context: Context) -> Iterator[Finding]:
    path = (*_SECTION, "webauthn", "rp_id")
    factors = context.get(*_SECTION, "second_factors")
    needed = _word(context.get(*_SECTION, "second_factor")) in _WITH_WEBAUTHN or (
        isinstance(factors, list) and "webauthn" in factors
    )
    identity = context.get(*path)
    if needed and identity is None and not context.has(*_SECTION, "u2f"):
        yield context.missing(path, "write the domain under which users sign in", "WebAuthn is the second factor")
    if identity is not None and (not str(identity).strip() or parse.quote(str(identity), safe="") != str(identity)):
        message = f"{identity!s} is not a domain, and browsers would refuse every sign-in"
        yield context.error(path, message, "write the domain alone, without https://, port and path")


def _fips(context: Context) -> Iterator[Finding]:
    # Without the section Teleport disables local users itself; with it, they are enabled unless it says otherwise.
    if context.has(*_SECTION) and services.truth(context.get(*_SECTION, "local_auth")) is not False:
        message = "a FIPS build of Teleport does not start with local users"
        yield context.error((*_SECTION, "local_auth"), message, "write local_auth: false")
    proxied = str(context.get(SERVICE, "session_recording")).startswith("proxy")
    path = (SERVICE, "proxy_checks_host_keys")
    if proxied and services.truth(context.get(*path)) is False:
        message = "a FIPS build of Teleport that records at the proxy starts only if it checks host keys"
        yield context.error(path, message, "write true, or delete the key with null")


def _word(value: object) -> str | None:
    """Return a word of these settings; without quotes, on and off arrive as true and false, which Teleport accepts."""
    if value is None:
        return None
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
