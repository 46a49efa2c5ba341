"""The client of the metadata service, over real HTTP."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from teleport_bootstrap import errors
from teleport_bootstrap.ec2 import credentials, facts, items
from teleport_bootstrap.ec2.imds import Imds
from tests.simulated_ec2 import imds as emulator


def client(server: emulator.Server, deadline_seconds: float = 2.0, **environ: str) -> Imds:
    return Imds.from_environment(
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url, **environ}, deadline_seconds=deadline_seconds
    )


def everything_shown(error: BaseException) -> str:
    """Return all that a person or a log could see of an error."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=False)
    return "".join(shown.format()) + str(error) + repr(error) + getattr(error, "hint", "")


def test_the_facts_of_an_instance(imds: emulator.Server) -> None:
    assert facts.read(client(imds), region=None) == facts.Facts(
        local_ipv4="10.0.0.12",
        local_hostname="ip-10-0-0-12.ec2.internal",
        instance_id="i-0123456789abcdef0",
        region="us-east-1",
        public_ipv4="203.0.113.12",
    )


def test_one_token_serves_all_items_and_is_asked_for_with_the_longest_life(imds: emulator.Server) -> None:
    facts.read(client(imds), region=None)
    puts = imds.service.puts()
    assert [put.path for put in puts] == ["/latest/api/token"]
    assert puts[0].headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
    assert [get.token for get in imds.service.gets()] == ["good"] * 5


def test_the_conf_region_wins_and_the_service_is_not_asked_for_one(imds: emulator.Server) -> None:
    assert facts.read(client(imds), region="eu-west-1").region == "eu-west-1"
    assert not imds.service.gets("placement/region")


def test_an_instance_without_a_public_address(imds: emulator.Server) -> None:
    imds.service.update({"meta-data": {"public-ipv4": None}})
    assert facts.read(client(imds), region=None).public_ipv4 is None


@pytest.mark.parametrize(
    ("raw", "usable"),
    [
        ("db_1.corp.example", "db-1.corp.example"),
        ("a.x_y a.z", "a.z"),
        ("b" * 80 + ".internal", "b" * 63 + ".internal"),
    ],
)
def test_row_10_an_unusual_private_dns_name_is_used_as_far_as_it_can_be(
    imds: emulator.Server, raw: str, usable: str
) -> None:
    imds.service.update({"raw": {"meta-data/local-hostname": raw}})
    assert facts.read(client(imds), region=None).local_hostname == usable


@pytest.mark.parametrize(
    "answer", [{"raw": {"meta-data/local-hostname": emulator.HTML}}, {"meta-data": {"local-hostname": None}}]
)
def test_row_10_a_private_dns_name_is_required_only_where_it_is_needed(imds: emulator.Server, answer: dict) -> None:
    imds.service.update(answer)
    found = facts.read(client(imds), region=None, needs_hostname=False)
    assert found.local_hostname is None
    assert found.local_ipv4 == "10.0.0.12"
    assert len(found.notes) == 1 and "local-hostname" in found.notes[0]
    with pytest.raises(errors.BootstrapError) as caught:
        facts.read(client(imds), region=None)
    assert "TELEPORT_NODENAME" in caught.value.hint


def test_an_expired_token_is_replaced_on_401(imds: emulator.Server) -> None:
    agent = client(imds)
    assert agent.get("local-ipv4") == "10.0.0.12"
    imds.service.expire_tokens()
    assert agent.get("local-ipv4") == "10.0.0.12"
    assert [get.status for get in imds.service.gets()] == [200, 401, 200]
    assert len(imds.service.puts()) == 2


def test_a_token_is_replaced_before_it_ends(imds: emulator.Server) -> None:
    imds.service.set_faults(token_seconds=1)
    agent = client(imds)
    agent.get("local-ipv4")
    time.sleep(0.6)
    agent.get("local-ipv4")
    assert len(imds.service.puts()) == 2
    assert [get.status for get in imds.service.gets()] == [200, 200]


def test_fresh_tokens_that_are_refused_twice_are_an_error(imds: emulator.Server) -> None:
    imds.service.set_faults(error_401=True)
    with pytest.raises(errors.MetadataDisabled, match="refuses its own fresh session tokens"):
        client(imds).get("local-ipv4")
    assert len(imds.service.puts()) == 3


@pytest.mark.parametrize("when", ["token", "item"])
def test_a_403_ends_at_once_with_its_remedy(imds: emulator.Server, when: str) -> None:
    agent = client(imds, deadline_seconds=30)
    if when == "item":
        agent.get("local-ipv4")
    imds.service.set_faults(error_403=True)
    began = time.monotonic()
    with pytest.raises(errors.MetadataDisabled) as caught:
        agent.get("local-ipv4")
    assert time.monotonic() - began < 1
    assert "modify-instance-metadata-options" in caught.value.hint
    assert "--http-endpoint enabled --http-tokens required" in caught.value.hint


def test_does_not_wait_for_a_missing_item(imds: emulator.Server) -> None:
    assert client(imds).get("public-keys") is None
    assert len(imds.service.gets()) == 1


def test_an_absent_role_is_waited_for(imds: emulator.Server) -> None:
    imds.service.set_faults(iam_404=3)
    assert client(imds, deadline_seconds=20).get("iam/security-credentials/") == "teleport-role"
    assert len(imds.service.gets()) == 4


def test_a_missing_role_is_an_error_that_says_how_to_attach_one(imds: emulator.Server) -> None:
    imds.service.update({"role": None})
    with pytest.raises(errors.CredentialsMissing, match=r"no role.*\d attempts in") as caught:
        client(imds).get("iam/security-credentials/")
    assert "associate-iam-instance-profile" in caught.value.hint


def test_a_missing_required_item_is_named(imds: emulator.Server) -> None:
    imds.service.update({"meta-data": {"local-hostname": None}})
    with pytest.raises(errors.MetadataAbsent, match="local-hostname"):
        facts.read(client(imds), region=None)


def test_known_defect_6_a_service_that_starts_late_is_waited_for() -> None:
    server = emulator.Server(late_seconds=2.0)
    server.start()
    try:
        assert facts.read(client(server, deadline_seconds=20), region=None).local_ipv4 == "10.0.0.12"
    finally:
        server.stop()


def test_known_defect_6_an_unreachable_service_is_an_error_that_names_the_item() -> None:
    server = emulator.Server(late_seconds=60)
    server.start()
    try:
        began = time.monotonic()
        with pytest.raises(errors.MetadataUnreachable) as caught:
            facts.read(client(server), region=None)
        assert time.monotonic() - began < 3
    finally:
        server.stop()
    assert "waited for local-ipv4" in caught.value.message
    assert server.url in caught.value.message
    assert "connection refused" in caught.value.message
    assert "attempts in" in caught.value.message


@pytest.mark.parametrize("fault", ["reset", "error_500"])
def test_retries_a_transient_failure(imds: emulator.Server, fault: str) -> None:
    imds.service.set_faults(**{fault: 3})
    assert client(imds, deadline_seconds=20).get("local-ipv4") == "10.0.0.12"


@pytest.mark.parametrize(("fault", "reason"), [("reset", "connection reset"), ("error_500", "answered 500")])
def test_a_lasting_failure_is_named_at_the_deadline(imds: emulator.Server, fault: str, reason: str) -> None:
    imds.service.set_faults(**{fault: True})
    with pytest.raises(errors.MetadataUnreachable, match=reason):
        client(imds).get("local-ipv4")


def test_a_slow_service_is_waited_for(imds: emulator.Server) -> None:
    imds.service.set_faults(slow_seconds=0.4)
    assert client(imds, deadline_seconds=10).get("local-ipv4") == "10.0.0.12"


def test_the_deadline_holds_against_a_service_that_is_too_slow(imds: emulator.Server) -> None:
    agent = client(imds, deadline_seconds=1.0)
    agent.get("instance-id")
    imds.service.set_faults(slow_seconds=30)
    began = time.monotonic()
    with pytest.raises(errors.MetadataUnreachable, match="no answer within its time limit"):
        agent.get("local-ipv4")
    assert time.monotonic() - began < 2.0


def test_the_deadline_holds_when_an_answer_arrives_slowly(imds: emulator.Server) -> None:
    imds.service.set_faults(trickle=True)
    began = time.monotonic()
    with pytest.raises(errors.MetadataUnreachable):
        client(imds, deadline_seconds=1.0).get("local-hostname")
    assert time.monotonic() - began < 2.0


def test_one_deadline_holds_for_all_facts_together(imds: emulator.Server) -> None:
    imds.service.set_faults(slow_seconds=0.4)
    began = time.monotonic()
    with pytest.raises(errors.MetadataUnreachable):
        facts.read(client(imds, deadline_seconds=1.0), region=None)
    assert time.monotonic() - began < 2.0


def test_an_unanswered_token_request_hints_at_the_hop_limit(imds: emulator.Server) -> None:
    imds.service.set_faults(drop_put=True)
    with pytest.raises(errors.MetadataUnreachable) as caught:
        client(imds, deadline_seconds=1.0).get("local-ipv4")
    assert "the request for a session token was not answered" in caught.value.message
    assert "--http-put-response-hop-limit 2" in caught.value.hint
    assert not imds.service.gets()


@pytest.mark.parametrize("item", ["local-ipv4", "local-hostname", "instance-id", "placement/region", "public-ipv4"])
def test_known_defect_6_rejects_a_page_as_value_of(imds: emulator.Server, item: str) -> None:
    imds.service.update({"raw": {f"meta-data/{item}": emulator.HTML}})
    with pytest.raises(errors.MetadataInvalid, match=item) as caught:
        facts.read(client(imds), region=None)
    assert "<!DOCTYPE html>" in caught.value.message
    assert "hotel" not in caught.value.message, "an excerpt, not the whole page"
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("item", ["local-ipv4", "local-hostname", "instance-id"])
def test_known_defect_6_rejects_an_empty_answer_as_value_of(imds: emulator.Server, item: str) -> None:
    imds.service.update({"raw": {f"meta-data/{item}": ""}})
    with pytest.raises(errors.MetadataInvalid, match=item):
        facts.read(client(imds), region=None)


def test_rejects_a_page_as_token(imds: emulator.Server) -> None:
    imds.service.set_faults(html_token=True)
    with pytest.raises(errors.MetadataInvalid, match="does not speak IMDSv2"):
        client(imds).get("local-ipv4")


def test_an_answer_without_end_is_not_read_to_its_end(imds: emulator.Server) -> None:
    imds.service.set_faults(huge=True)
    with pytest.raises(errors.MetadataInvalid, match="more than 64 KiB"):
        client(imds).get("local-ipv4")


def test_redirects_are_not_followed(imds: emulator.Server) -> None:
    imds.service.set_faults(redirect=True)
    with pytest.raises(errors.MetadataInvalid, match="answered 302"):
        client(imds).get("local-ipv4")
    assert not imds.service.gets("instance-id")


@pytest.mark.parametrize("fault", ["error_401", "error_500", "drop_put", "html_token"])
def test_version_1_is_never_tried_though_the_service_would_answer_it(imds: emulator.Server, fault: str) -> None:
    imds.service.set_faults(**{fault: True, "allow_v1": True})
    with pytest.raises(errors.BootstrapError):
        client(imds, deadline_seconds=1.0).get("local-ipv4")
    assert all(request.token != "none" for request in imds.service.gets())


@pytest.fixture
def proxy() -> Iterator[socket.socket]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    yield listener
    listener.close()


def test_ignores_proxies_and_netrc(
    imds: emulator.Server, proxy: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert client(imds).get("local-ipv4") == "10.0.0.12"
    with pytest.raises(OSError, match="timed out"):
        proxy.accept()
    assert all("Authorization" not in request.headers for request in imds.service.requests)


def test_the_service_can_be_on_ipv6() -> None:
    server = emulator.Server(bind="::1")
    server.start()
    try:
        assert server.url.startswith("http://[::1]:")
        assert client(server).get("local-ipv4") == "10.0.0.12"
    finally:
        server.stop()


@pytest.mark.parametrize("suffix", ["", "/", "/latest/", "/latest/meta-data/"])
def test_accepts_the_usual_paths_after_the_endpoint(imds: emulator.Server, suffix: str) -> None:
    agent = Imds.from_environment({"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url + suffix})
    assert agent.get("local-ipv4") == "10.0.0.12"


def test_sends_no_request_to_a_disabled_service(imds: emulator.Server) -> None:
    with pytest.raises(errors.MetadataDisabled, match="AWS_EC2_METADATA_DISABLED"):
        client(imds, AWS_EC2_METADATA_DISABLED="true")
    assert not imds.service.requests


def test_the_account_is_in_the_identity_document(imds: emulator.Server) -> None:
    assert credentials.account(client(imds)) == "123456789012"
    imds.service.update({"raw": {"dynamic/instance-identity/document": emulator.HTML}})
    with pytest.raises(errors.MetadataInvalid, match="identity document"):
        credentials.account(client(imds))


def test_credentials_of_the_role(imds: emulator.Server) -> None:
    frozen = credentials.refreshable(client(imds)).get_frozen_credentials()
    assert (frozen.access_key, frozen.secret_key, frozen.token) == (
        "ASIAEXAMPLEEXAMPLE00",
        "simulated-secret-access-key",
        "simulated-session-token",
    )


def test_credentials_are_renewed_before_they_end_and_kept_until_then(imds: emulator.Server) -> None:
    made = credentials.refreshable(client(imds))
    made.get_frozen_credentials()
    assert len(imds.service.gets("teleport-role")) == 1
    imds.service.update({"credentials": {"expires-in": 300}})
    made.renew()
    imds.service.update({"credentials": {"AccessKeyId": "ASIANEXTNEXTNEXT0000", "expires-in": 6 * 3600}})
    assert made.get_frozen_credentials().access_key == "ASIANEXTNEXTNEXT0000"
    asked = len(imds.service.gets("teleport-role"))
    made.get_frozen_credentials()
    assert len(imds.service.gets("teleport-role")) == asked


def test_credentials_that_cannot_be_renewed_are_used_as_long_as_they_last(
    imds: emulator.Server, caplog: pytest.LogCaptureFixture
) -> None:
    imds.service.update({"credentials": {"expires-in": 600}})
    made = credentials.refreshable(client(imds, deadline_seconds=1.0), deadline_seconds=1.0)
    imds.service.update({"role": None})
    assert made.get_frozen_credentials().access_key == "ASIAEXAMPLEEXAMPLE00"
    assert "the present credentials are used as long as they last" in caplog.text
    asked = len(imds.service.requests)
    made.get_frozen_credentials()
    assert len(imds.service.requests) == asked, "not asked again at once"
    imds.service.update({"role": "teleport-role", "credentials": {"expires-in": 200}})
    made.renew()
    imds.service.update({"role": None})
    made._not_before = 0.0
    with pytest.raises(errors.CredentialsMissing):
        made.get_frozen_credentials()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"Code": "AssumeRoleUnauthorizedAccess"}, "AssumeRoleUnauthorizedAccess instead of credentials"),
        ({"Code": "<script>hunter2"}, "an unknown code instead of credentials"),
        ({"SecretAccessKey": None}, "lacks SecretAccessKey"),
        ({"Token": "", "AccessKeyId": 7}, "lacks AccessKeyId, Token"),
        ({"Expiration": "soon"}, "has an invalid Expiration"),
        ({"expires-in": -10}, "is the clock right"),
    ],
)
def test_unusable_credentials_are_an_error_that_says_why(
    imds: emulator.Server, given: dict[str, Any], reason: str
) -> None:
    imds.service.update({"credentials": given})
    with pytest.raises(errors.CredentialsMissing, match=reason) as caught:
        credentials.refreshable(client(imds, deadline_seconds=1.0))
    for secret in ("simulated-secret-access-key", "simulated-session-token", "hunter2"):
        assert secret not in everything_shown(caught.value)


def test_waits_for_late_credentials(imds: emulator.Server) -> None:
    imds.service.set_faults(iam_404=2)
    found = credentials.refreshable(client(imds, deadline_seconds=20))
    assert found.get_frozen_credentials().access_key == "ASIAEXAMPLEEXAMPLE00"


@pytest.mark.parametrize("role", ["../../user-data", "a b", "<html>", "x" * 65])
def test_sends_no_request_for_an_invalid_role_name(imds: emulator.Server, role: str) -> None:
    imds.service.update({"raw": {"meta-data/iam/security-credentials": role}})
    with pytest.raises(errors.MetadataInvalid, match="name of a role"):
        credentials.refreshable(client(imds))
    assert len(imds.service.gets()) == 1


def test_broken_credentials_show_no_secret(imds: emulator.Server) -> None:
    broken = '{"Code": "Success", "SecretAccessKey": "hunter2", '
    imds.service.update({"raw": {"meta-data/iam/security-credentials/teleport-role": broken}})
    with pytest.raises(errors.CredentialsMissing, match="not JSON") as caught:
        credentials.refreshable(client(imds, deadline_seconds=1.0))
    assert "hunter2" not in everything_shown(caught.value)


def test_no_error_shows_the_session_token(imds: emulator.Server) -> None:
    agent = client(imds, deadline_seconds=1.0)
    agent.get("local-ipv4")
    (token,) = imds.service.tokens
    for fault in ("reset", "error_500", "error_403", "huge"):
        imds.service.set_faults(**{fault: True})
        with pytest.raises(errors.BootstrapError) as caught:
            agent.get("local-ipv4")
        imds.service.set_faults(**{fault: False})
        assert token not in everything_shown(caught.value)
    assert token not in repr(vars(agent))


@pytest.mark.parametrize("item", items.PATHS)
def test_reads_harmless_items_and_rejects_a_page(imds: emulator.Server, item: str) -> None:
    agent = client(imds)
    path = items.PATHS[item]
    assert items.read(agent, item) == imds.service.item(f"meta-data/{path}")
    imds.service.update({"raw": {f"meta-data/{path}": emulator.HTML}})
    with pytest.raises(errors.MetadataInvalid, match=item):
        items.read(agent, item)


def test_no_harmless_item_leads_to_credentials_or_user_data() -> None:
    assert not [path for path in items.PATHS.values() if "iam" in path or "user-data" in path or "credential" in path]
