"""How people sign in, how sessions are recorded, and what FIPS asks of both."""

from __future__ import annotations

from collections.abc import Iterator
from urllib import parse

from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import enabled_services
from teleport_bootstrap.plan.checks.context import Context

SERVICE = "auth_service"
_PLACE = (SERVICE, "authentication")

_TYPES = ("local", "github", "saml", "oidc")
_FACTORS = frozenset(("otp", "off", "on", "optional", "webauthn", "u2f"))
_WITH_WEBAUTHN = frozenset(("on", "optional", "webauthn"))
_LISTED_FACTORS = frozenset(("otp", "webauthn", "sso"))
_RECORDING = ("node", "node-sync", "proxy", "proxy-sync", "off")


def check(context: Context) -> Iterator[Finding]:
    """Find what an auth server refuses of its own settings."""
    if not context.enabled(SERVICE):
        return
    section = context.get(*_PLACE)
    if section is not None and not isinstance(section, dict):
        yield context.error(_PLACE, "this is not a mapping of keys to values", "write the keys below it, indented")
        return
    kind = context.get(*_PLACE, "type")
    if kind is not None and str(kind) not in _TYPES:
        yield context.error((*_PLACE, "type"), f"Teleport does not take {kind!s}", f"write one of {', '.join(_TYPES)}")
    yield from _second_factor(context)
    yield from _webauthn(context)
    mode = context.get(SERVICE, "session_recording")
    if mode is not None and _word(mode) not in _RECORDING:
        message = f"Teleport does not take {mode!s}"
        yield context.error((SERVICE, "session_recording"), message, f"write one of {', '.join(_RECORDING)}")
    if context.deployment.fips:
        yield from _fips(context)


def _second_factor(context: Context) -> Iterator[Finding]:
    single, listed = (*_PLACE, "second_factor"), (*_PLACE, "second_factors")
    if context.has(*single) and context.has(*listed):
        yield context.error(
            single, "second_factor and second_factors are both given, and Teleport takes one of them", "delete one"
        )
    if context.has(*listed):
        yield from _list_of_factors(context)
    if not context.has(*single):
        return
    factor = _word(context.get(*single))
    if factor not in _FACTORS:
        yield context.error(single, f"Teleport does not take {factor}", "write otp, webauthn or on")
    elif factor in ("off", "optional") and context.build.major >= 16:
        # TELEPORT_ALLOW_NO_SECOND_FACTOR=yes in the environment lifts this, in all but 17.0.0 to 17.0.2.
        yield context.error(
            single,
            f"from Teleport 16 on people cannot do without a second factor, and with {factor} it does not start",
            "write otp, webauthn or on",
        )


def _list_of_factors(context: Context) -> Iterator[Finding]:
    place = (*_PLACE, "second_factors")
    factors = context.get(*place)
    if context.build.major < 16:
        message = f"Teleport {context.build.version} does not know this key and would not start"
        yield context.error(place, message, "write second_factor: otp, webauthn or on")
    elif not context.build.takes_second_factor_list:
        message = f"Teleport {context.build.version} may not know this key, which came with 17"
        yield context.warning(place, message, "write second_factor: otp, webauthn or on")
    unknown = [str(each) for each in factors if each not in _LISTED_FACTORS] if isinstance(factors, list) else None
    if unknown is None or unknown or not factors:
        what = ", ".join(unknown) if unknown else str(factors)
        yield context.error(place, f"Teleport does not take {what}", "write a list of otp, webauthn and sso")
    elif factors == ["sso"] and enabled_services.truth(context.get(*_PLACE, "local_auth")) is not False:
        yield context.error(
            place, "local users have no second factor then", "add otp or webauthn, or local_auth: false"
        )


def _webauthn(context: Context) -> Iterator[Finding]:
    place = (*_PLACE, "webauthn", "rp_id")
    factors = context.get(*_PLACE, "second_factors")
    needed = _word(context.get(*_PLACE, "second_factor")) in _WITH_WEBAUTHN or (
        isinstance(factors, list) and "webauthn" in factors
    )
    identity = context.get(*place)
    if needed and identity is None and not context.has(*_PLACE, "u2f"):
        yield context.error(
            place, "it is missing, and the second factor is WebAuthn", "write the domain people sign in under"
        )
    if identity is not None and (not str(identity).strip() or parse.quote(str(identity), safe="") != str(identity)):
        message = f"{identity!s} is no domain, and no browser would sign anybody in"
        yield context.error(place, message, "write the domain alone, without https://, port and path")


def _fips(context: Context) -> Iterator[Finding]:
    # Without the section Teleport turns local users off by itself; with it, they are on unless it says otherwise.
    if context.has(*_PLACE) and enabled_services.truth(context.get(*_PLACE, "local_auth")) is not False:
        yield context.error(
            (*_PLACE, "local_auth"), "a FIPS Teleport starts only without local users", "write local_auth: false"
        )
    proxied = str(context.get(SERVICE, "session_recording")).startswith("proxy")
    if proxied and enabled_services.truth(context.get(SERVICE, "proxy_checks_host_keys")) is False:
        message = "a FIPS Teleport that records at the proxy starts only where host keys are checked"
        yield context.error((SERVICE, "proxy_checks_host_keys"), message, "write true, or delete it with null")


def _word(value: object) -> str:
    """Return a word of these settings; without quotes, on and off arrive as true and false, which Teleport allows."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
