"""How users sign in, how sessions are recorded, and what FIPS requires of both."""

from __future__ import annotations

from collections.abc import Iterator
from urllib import parse

from teleport_bootstrap.finding import Finding
from teleport_bootstrap.plan import services, teleport_build, words
from teleport_bootstrap.plan.checks.context import NOT_A_MAPPING, Context, texts

SERVICE = "auth_service"
_SECTION = (SERVICE, "authentication")

# With these, Teleport lets people sign in with a key.
_WITH_WEBAUTHN = frozenset(("on", "optional", "webauthn", "u2f"))
_LISTED_FACTORS = frozenset(("otp", "webauthn", "sso"))
_SECOND_FACTOR = "write otp, webauthn or on"


def check(context: Context) -> Iterator[Finding]:
    """Find settings that the auth service refuses."""
    if not context.enabled(SERVICE):
        return
    section = context.get(*_SECTION)
    if section is not None and not isinstance(section, dict):
        yield context.error(_SECTION, *NOT_A_MAPPING)
        return
    yield from context.word((*_SECTION, "type"), words.AUTH_TYPES)
    yield from _second_factor(context)
    yield from _webauthn(context)
    yield from _sign_in(context)
    yield from context.word((SERVICE, "session_recording"), words.RECORDINGS)
    if context.deployment.fips:
        yield from _fips(context)


def _second_factor(context: Context) -> Iterator[Finding]:
    single, listed = (*_SECTION, "second_factor"), (*_SECTION, "second_factors")
    if context.has(*single) and context.has(*listed):
        yield context.excluded(single, "second_factors")
    if context.has(*listed):
        yield from _list_of_factors(context)
    factor = _word(context.get(*single))
    yield from context.word(single, words.SECOND_FACTORS, factor, _SECOND_FACTOR)
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
        known = _LISTED_FACTORS if is_list else ()
        yield from context.one_of(path, factor, known, "write a list of otp, webauthn and sso")
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


def _sign_in(context: Context) -> Iterator[Finding]:
    yield from context.word((*_SECTION, "locking_mode"), words.LOCKING_MODES)
    mfa = 'write "yes" or "no", or hardware_key with Teleport Enterprise'
    yield from context.word((*_SECTION, "require_session_mfa"), words.SESSION_MFA, remedy=mfa)
    factor, factors = _word(context.get(*_SECTION, "second_factor")), context.get(*_SECTION, "second_factors")
    webauthn = factor in _WITH_WEBAUTHN or (isinstance(factors, list) and "webauthn" in factors)
    connector = (*_SECTION, "connector_name")
    if str(context.get(*_SECTION, "type") or "local") == "local":
        yield from context.word(connector, words.LOCAL_CONNECTORS)
    for word in ("passwordless", "headless"):
        asked_for = services.truth(context.get(*_SECTION, word)) is True
        if not webauthn and (asked_for or context.get(*connector) == word):
            message = f"signing in {word} needs WebAuthn, and Teleport would not start"
            yield context.error(
                (*_SECTION, word) if asked_for else connector,
                message,
                "make webauthn a second factor, with webauthn.rp_id, or delete the key",
            )
    for key in ("attestation_allowed_cas", "attestation_denied_cas"):
        certificates = (*_SECTION, "webauthn", key)
        for certificate in texts(context.get(*certificates)):
            if not certificate.lstrip().startswith(("-----BEGIN CERTIFICATE", "/")):
                message = "an entry is neither a certificate in PEM nor an absolute path of one"
                yield context.warning(certificates, message, "write the absolute path of a file with the certificate")
    if factor == "u2f" and context.has(*_SECTION, "u2f") and not context.get(*_SECTION, "u2f", "app_id"):
        yield context.missing((*_SECTION, "u2f", "app_id"), "write the URL of the proxy", "u2f needs it")


def check_auth_service(context: Context) -> Iterator[Finding]:
    """Find settings outside the section `authentication` that the auth service refuses."""
    if not context.enabled(SERVICE):
        return
    yield from _static_tokens(context)
    yield from context.word((SERVICE, "proxy_listener_mode"), words.LISTENER_MODES)
    yield from context.word((SERVICE, "routing_strategy"), words.ROUTING_STRATEGIES)
    strategy = (SERVICE, "tunnel_strategy", "type")
    yield from context.word(strategy, words.TUNNEL_STRATEGIES)
    if context.get(*strategy) == "proxy_peering" and context.build.edition == teleport_build.COMMUNITY:
        message = "only Teleport Enterprise has proxy peering, and the community edition does not start with it"
        yield context.warning(strategy, message, "write agent_mesh, or install Teleport Enterprise")
    keys = (SERVICE, "ca_key_params")
    google, module = context.mapping(*keys, "gcp_kms"), context.mapping(*keys, "pkcs11")
    for key in ("keyring", "protection_level") if google else ():
        if not google.get(key):
            yield context.missing((*keys, "gcp_kms", key), f"write {key}", "Google's KMS needs it")
    if module.get("pin") and module.get("pin_path"):
        yield context.excluded((*keys, "pkcs11", "pin"), "pin_path")
    given = [name for name in ("pkcs11", "gcp_kms", "aws_kms") if context.mapping(*keys, name)]
    if len(given) > 1:
        yield context.excluded((*keys, given[0]), given[1])


def _static_tokens(context: Context) -> Iterator[Finding]:
    """Judge `roles:token` without quoting the token, which is secret."""
    path = (SERVICE, "tokens")
    tokens = context.get(*path)
    for number, token in enumerate(tokens if isinstance(tokens, list) else texts(tokens), 1):
        roles, colon, _ = str(token).partition(":")
        if not colon:
            message = f"token {number} has no roles before a colon, and Teleport would not start"
            yield context.error(path, message, "write ROLE,ROLE:TOKEN, or ROLE:/PATH of a file that holds the token")
            continue
        named = [role.strip().lower() for role in roles.split(",")]
        twice = next((role for role in named if role and named.count(role) > 1), "")
        if twice:
            message = f"token {number} names the role {twice} twice, and Teleport would not start"
            yield context.error(path, message, "write it once")
        for role in roles.split(","):
            if role.strip():
                yield from context.word(path, words.TOKEN_ROLES, role.strip())
            else:
                yield context.error(path, f"a role of token {number} is empty", "write for example node,proxy:TOKEN")


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
