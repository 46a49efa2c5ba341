"""Key pairs in PEM, and the two key identifiers in DER: usable, or a reason in words that does not show the key."""

from __future__ import annotations

import base64
import ssl

from teleport_bootstrap.cluster.certificate import lineage, pair
from teleport_bootstrap.host import key_pair, trust_store
from teleport_bootstrap.secret import Secret
from tests import certificates
from tests.fuzz.oracle import holds, plain, secretless

LONGEST = 4096
STORE = trust_store.TrustStore((), "nowhere")
# What the input only names, since a certificate in it would expire: those of an authority and of no one.
_AUTHORITY = certificates.Authority(trusted=False)
_ISSUED, _OWN = _AUTHORITY.issue("example.com"), certificates.self_signed("example.com")
TRUSTING = trust_store.TrustStore((_AUTHORITY.root,), "here")
NAMED = {
    **{b"@CERT@": _ISSUED.cert, b"@CHAIN@": _ISSUED.chain, b"@KEY@": _ISSUED.privkey, b"@ROOT@": _AUTHORITY.root},
    **{b"@OWN@": _OWN.cert, b"@OWNKEY@": _OWN.privkey},
}


def check(data: bytes) -> None:
    """Judge texts as a chain and a key, and bytes as a certificate."""
    for name, pem in NAMED.items():
        data = data.replace(name, pem.encode())
    chain, _, key = data.decode("utf-8", "replace").partition("\0")
    for secret in (Secret(key), Secret(chain)):
        try:
            pair.check("example.com", chain, secret, STORE)
            pair.check("example.com", chain, secret, TRUSTING)
        except pair.Unusable as unusable:
            _said(unusable)
        blocked = key_pair.blocks_startup(chain, secret, STORE)
        if blocked is not None:
            _said(blocked)
    files = {"privkey": Secret(key), "cert": Secret(chain), "chain": Secret(""), "fullchain": Secret(chain)}
    try:
        lineage.assemble("example.com", files, 1)
    except pair.Unusable as unusable:
        _said(unusable)
    for block in trust_store.certificates(chain):
        holds(trust_store.certificates(block) == (block,), block)
        holds(type(key_pair.is_self_signed(block)) is bool, block)
    der = base64.b64encode(data).decode()
    holds(type(key_pair.is_self_signed(f"{ssl.PEM_HEADER}\n{der}\n{ssl.PEM_FOOTER}\n")) is bool, data)


def _said(unusable: pair.Unusable) -> None:
    plain(unusable.why)
    plain(unusable.remedy())
    secretless(unusable)
