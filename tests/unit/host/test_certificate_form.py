"""Certificates without what newer systems demand are told from all others that cannot be trusted."""

from __future__ import annotations

import pytest

from teleport_bootstrap.host import certificate_form

# What certbot 5.8 prints with Python 3.13, for an ACME server behind a private authority.
OF_CERTBOT = """\
Saving debug log to /var/log/letsencrypt/letsencrypt.log
An unexpected error occurred:
requests.exceptions.SSLError: HTTPSConnectionPool(host='acme.example.com', port=443): Max retries exceeded with url: \
/dir (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {} \
(_ssl.c:1020)')))
Ask for help or search for solutions at https://community.letsencrypt.org.
"""


@pytest.mark.parametrize(
    ("demand", "whose"),
    [
        ("CA cert does not include key usage extension", "the certificate of the authority"),
        ("Basic Constraints of CA cert not marked critical", "the certificate of the authority"),
        ("Empty Subject Alternative Name extension", "the server's certificate"),
        ("Missing Authority Key Identifier", "a certificate"),
        ("Missing Subject Key Identifier", "a certificate"),
    ],
)
def test_issue_17_row_5_names_the_certificate_and_how_to_issue_it(demand: str, whose: str) -> None:
    said = certificate_form.remedy(OF_CERTBOT.format(demand))
    assert said is not None
    assert f"refuses {whose} ({demand})" in said
    assert "keyUsage=critical,keyCertSign,cRLSign" in said
    assert certificate_form.remedy(OF_CERTBOT.format(demand).replace(" ", "\n ")) == said, "lines that were broken"


@pytest.mark.parametrize(
    "reason",
    [
        "self-signed certificate in certificate chain",
        "unable to get local issuer certificate",
        "certificate has expired",
    ],
)
def test_issue_17_row_5_other_refusals_are_about_trust(reason: str) -> None:
    assert certificate_form.remedy(OF_CERTBOT.format(reason)) is None


def test_issue_17_row_5_a_log_that_holds_the_words_does_not_count() -> None:
    assert certificate_form.remedy("note: CA cert does not include key usage extension") is None
