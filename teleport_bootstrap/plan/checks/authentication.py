"""How people sign in, how sessions are recorded, and what FIPS asks of both."""

from __future__ import annotations

from collections.abc import Iterator
from urllib import parse

from teleport_bootstrap.plan import enabled_services
from teleport_bootstrap.plan.checks.finding import Finding
from teleport_bootstrap.plan.checks.subject import Subject

SERVICE = "auth_service"
_PLACE = (SERVICE, "authentication")

_TYPES = ("local", "github", "saml", "oidc")
_FACTORS = frozenset(("otp", "off", "on", "optional", "webauthn", "u2f"))
_WITH_WEBAUTHN = frozenset(("on", "optional", "webauthn"))
_LISTED_FACTORS = frozenset(("otp", "webauthn", "sso"))
_RECORDING = ("node", "node-sync", "proxy", "proxy-sync", "off")


def check(subject: Subject) -> Iterator[Finding]:
    """Find what an auth server refuses of its own settings."""
    if not subject.enabled(SERVICE):
        return
    section = subject.get(*_PLACE)
    if section is not None and not isinstance(section, dict):
        yield subject.error(_PLACE, "this is not a mapping of keys to values", "write the keys below it, indented")
        return
    kind = subject.get(*_PLACE, "type")
    if kind is not None and str(kind) not in _TYPES:
        yield subject.error((*_PLACE, "type"), f"Teleport does not take {kind!s}", f"write one of {', '.join(_TYPES)}")
    yield from _second_factor(subject)
    yield from _webauthn(subject)
    mode = subject.get(SERVICE, "session_recording")
    if mode is not None and _word(mode) not in _RECORDING:
        message = f"Teleport does not take {mode!s}"
        yield subject.error((SERVICE, "session_recording"), message, f"write one of {', '.join(_RECORDING)}")
    if subject.deployment.fips:
        yield from _fips(subject)


def _second_factor(subject: Subject) -> Iterator[Finding]:
    single, listed = (*_PLACE, "second_factor"), (*_PLACE, "second_factors")
    if subject.has(*single) and subject.has(*listed):
        yield subject.error(
            single, "second_factor and second_factors are both given, and Teleport takes one of them", "delete one"
        )
    if subject.has(*listed):
        yield from _list_of_factors(subject)
    if not subject.has(*single):
        return
    factor = _word(subject.get(*single))
    if factor not in _FACTORS:
        yield subject.error(single, f"Teleport does not take {factor}", "write otp, webauthn or on")
    elif factor in ("off", "optional") and subject.build.major >= 16:
        # TELEPORT_ALLOW_NO_SECOND_FACTOR=yes in the environment lifts this, in all but 17.0.0 to 17.0.2.
        yield subject.error(
            single,
            f"from Teleport 16 on people cannot do without a second factor, and with {factor} it does not start",
            "write otp, webauthn or on",
        )


def _list_of_factors(subject: Subject) -> Iterator[Finding]:
    place = (*_PLACE, "second_factors")
    factors = subject.get(*place)
    if subject.build.major < 16:
        message = f"Teleport {subject.build.version} does not know this key and would not start"
        yield subject.error(place, message, "write second_factor: otp, webauthn or on")
    elif not subject.build.takes_second_factor_list:
        message = f"Teleport {subject.build.version} may not know this key, which came with 17"
        yield subject.warning(place, message, "write second_factor: otp, webauthn or on")
    unknown = [str(each) for each in factors if each not in _LISTED_FACTORS] if isinstance(factors, list) else None
    if unknown is None or unknown or not factors:
        what = ", ".join(unknown) if unknown else str(factors)
        yield subject.error(place, f"Teleport does not take {what}", "write a list of otp, webauthn and sso")
    elif factors == ["sso"] and enabled_services.truth(subject.get(*_PLACE, "local_auth")) is not False:
        yield subject.error(
            place, "local users have no second factor then", "add otp or webauthn, or local_auth: false"
        )


def _webauthn(subject: Subject) -> Iterator[Finding]:
    place = (*_PLACE, "webauthn", "rp_id")
    factors = subject.get(*_PLACE, "second_factors")
    needed = _word(subject.get(*_PLACE, "second_factor")) in _WITH_WEBAUTHN or (
        isinstance(factors, list) and "webauthn" in factors
    )
    identity = subject.get(*place)
    if needed and identity is None and not subject.has(*_PLACE, "u2f"):
        yield subject.error(
            place, "it is missing, and the second factor is WebAuthn", "write the domain people sign in under"
        )
    if identity is not None and (not str(identity).strip() or parse.quote(str(identity), safe="") != str(identity)):
        message = f"{identity!s} is no domain, and no browser would sign anybody in"
        yield subject.error(place, message, "write the domain alone, without https://, port and path")


def _fips(subject: Subject) -> Iterator[Finding]:
    # Without the section Teleport turns local users off by itself; with it, they are on unless it says otherwise.
    if subject.has(*_PLACE) and enabled_services.truth(subject.get(*_PLACE, "local_auth")) is not False:
        yield subject.error(
            (*_PLACE, "local_auth"), "a FIPS Teleport starts only without local users", "write local_auth: false"
        )
    proxied = str(subject.get(SERVICE, "session_recording")).startswith("proxy")
    if proxied and enabled_services.truth(subject.get(SERVICE, "proxy_checks_host_keys")) is False:
        message = "a FIPS Teleport that records at the proxy starts only where host keys are checked"
        yield subject.error((SERVICE, "proxy_checks_host_keys"), message, "write true, or delete it with null")


def _word(value: object) -> str:
    """Return a word of these settings; without quotes, on and off arrive as true and false, which Teleport allows."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
