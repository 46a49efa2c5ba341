"""Certificates that are valid but lack what RFC 5280 demands, which newer systems refuse: private CAs often issue such.

OpenSSL checks this only under X509_V_FLAG_X509_STRICT. Python 3.13 sets that flag in its default context, and urllib3
since 2.4 there too, and so `requests` and certbot; botocore's contexts and Teleport do not.
"""

from __future__ import annotations

from teleport_bootstrap import regex

# OpenSSL's words for each demand (crypto/x509/x509_txt.c of 3.0 to 3.6), and whose certificate it is about.
_OF_AN_AUTHORITY = "the certificate of the authority"
_OF_THE_SERVER = "the server's certificate"
_OF_EITHER = "a certificate"
_DEMANDS = {
    "CA cert does not include key usage extension": _OF_AN_AUTHORITY,
    "Basic Constraints of CA cert not marked critical": _OF_AN_AUTHORITY,
    "Path length given without key usage keyCertSign": _OF_AN_AUTHORITY,
    "Path length invalid for non-CA cert": _OF_THE_SERVER,
    "Key usage keyCertSign invalid for non-CA cert": _OF_THE_SERVER,
    "Empty Subject Alternative Name extension": _OF_THE_SERVER,
    "Subject empty and Subject Alt Name extension not critical": _OF_THE_SERVER,
    "Missing Authority Key Identifier": _OF_EITHER,
    "Missing Subject Key Identifier": _OF_EITHER,
    "Authority Key Identifier marked critical": _OF_EITHER,
    "Subject Key Identifier marked critical": _OF_EITHER,
    "Issuer name empty": _OF_EITHER,
    "Subject name empty": _OF_EITHER,
    "Using cert extension requires at least X509v3": _OF_EITHER,
}
# As Python writes OpenSSL's reason; programs may break the line at any blank.
_REFUSED = regex.compile(f"certificate verify failed: ({'|'.join(_DEMANDS)})".replace(" ", r"\s+"))


def remedy(said: str) -> str | None:
    """Return what to do about such a refusal in the output or the error of a program; None where there is none."""
    found = _REFUSED.search(said)
    if found is None:
        return None
    demand = " ".join(found[1].split())
    return (
        f"This host's Python checks the form of certificates strictly, and refuses {_DEMANDS[demand]} ({demand}); "
        "older systems do not. Issue it again with the extensions of RFC 5280 (an authority: basicConstraints=critical,"
        "CA:TRUE, keyUsage=critical,keyCertSign,cRLSign, subjectKeyIdentifier=hash; a server: subjectAltName, "
        "authorityKeyIdentifier=keyid), with the same key, and put it in the place of the old one on this host."
    )
