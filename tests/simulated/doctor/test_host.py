"""One mistake on a host turns one check of `doctor`, and its remedy turns it back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.simulated.agent import Agent, needs_root
from tests.simulated.doctor import enterprise, surroundings
from tests.simulated.doctor.host_kernel import NGINX, TELEPORT, UNIT, Kernel
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import imds as emulator
from tests.stand_in import install_tctl

CLUSTER = "teleport.example.com"
CONF = f"TELEPORT_DOMAIN_NAME={CLUSTER}\nTELEPORT_AUTH_SERVER_LB=auth.example.com\nTELEPORT_LICENSE_PATH=yes\n"
LICENSE = "/var/lib/teleport/license.pem"
DROP_IN = "/etc/systemd/system/teleport.service.d/override.conf"


@dataclass(frozen=True)
class Host:
    """An all-in-one of Teleport Enterprise, as it runs, in a scratch root."""

    around: surroundings.Surroundings
    kernel: Kernel

    @property
    def agent(self) -> Agent:
        return self.around.agent

    def teleport(self, **switches: Any) -> None:
        self.agent.install(edition="enterprise", **switches)

    def tctl(self, **switches: Any) -> None:
        install_tctl(self.agent.path("/usr/local/bin"), data=str(self.agent.path("/var/lib/teleport")), **switches)

    def license(self, text: str) -> None:
        self.agent.write(LICENSE, text, mode=0o600)

    def remove(self, path: str) -> None:
        self.agent.path(path).unlink()


@pytest.fixture
def host(tmp_path: Path, imds: emulator.Server, aws: Aws) -> Host:
    aws.put_parameters({f"/teleport/{CLUSTER}/license": enterprise.license_file()})
    agent = surroundings.host(tmp_path, imds, aws, CONF, edition="enterprise")
    done = agent.generate()
    assert done.status == 0, done.said
    kernel = Kernel(agent)
    for port in (443, 3022, 3024, 3025, 3000):
        kernel.listen(TELEPORT, port)
    found = Host(surroundings.Surroundings(agent, imds, aws), kernel)
    found.tctl()
    return found


_healthy: dict[str, str] = {}


def healthy(host: Host) -> dict[str, str]:
    """Return how the checks end before any mistake, which is the same for each of these hosts."""
    if not _healthy:
        _healthy.update(host.around.results("--offline"))
    return _healthy


class Mistake(NamedTuple):
    """What is wrong, the check that it turns, how it ends, what its remedy holds, and how that is carried out."""

    make: Callable[[Host], object]
    check: str
    result: str
    remedy: str
    mend: Callable[[Host], object]


def _take_port(host: Host, group: str) -> None:
    host.kernel.close(3025)
    host.kernel.process(NGINX, "nginx", group)
    host.kernel.listen(NGINX, 3025)


def _give_back(host: Host) -> None:
    host.kernel.close(3025)
    host.kernel.listen(TELEPORT, 3025)


MISTAKES = {
    "port taken by a service": Mistake(
        lambda host: _take_port(host, "/system.slice/nginx.service"),
        *("ports", "fail", "`systemctl disable --now nginx.service`"),
        _give_back,
    ),
    "port taken by a person's program": Mistake(
        lambda host: _take_port(host, "/user.slice/user-0.slice/session-3.scope"),
        *("ports", "fail", f"`kill {NGINX}`"),
        _give_back,
    ),
    "no memory left": Mistake(
        lambda host: host.kernel.figures(available_mib=20),
        *("memory", "fail", "`ps -eo rss,comm"),
        lambda host: host.kernel.figures(),
    ),
    "little memory left": Mistake(
        lambda host: host.kernel.figures(available_mib=120),
        *("memory", "warn", "deployment/scaling"),
        lambda host: host.kernel.figures(),
    ),
    "few open files": Mistake(
        lambda host: host.kernel.process(TELEPORT, "teleport", UNIT, open_files=1024),
        *("open-files", "warn", "LimitNOFILE"),
        lambda host: host.kernel.process(TELEPORT, "teleport", UNIT),
    ),
    "all files opened": Mistake(
        lambda host: host.kernel.process(TELEPORT, "teleport", UNIT, open_files=6),
        *("open-files", "fail", "`systemctl restart teleport.service`"),
        lambda host: host.kernel.process(TELEPORT, "teleport", UNIT),
    ),
    "no entropy on an old kernel": Mistake(
        lambda host: host.kernel.figures(release="4.14.336-257.amzn2", entropy=12),
        *("entropy", "warn", "rng-tools"),
        lambda host: host.kernel.figures(release="4.14.336-257.amzn2", entropy=3000),
    ),
    "license expired": Mistake(
        lambda host: host.license(enterprise.license_file(begins=-9 * enterprise.DAY, ends=-enterprise.DAY)),
        *("license", "fail", "`teleport-bootstrap fetch-secrets`"),
        lambda host: host.agent.run("fetch-secrets", "--wait", "20"),
    ),
    "license expired by its own words": Mistake(
        lambda host: host.license(enterprise.license_file(says_end=-enterprise.DAY)),
        *("license", "fail", "license.pem"),
        lambda host: host.agent.run("fetch-secrets", "--wait", "20"),
    ),
    "license ends soon": Mistake(
        lambda host: host.license(enterprise.license_file(ends=30 * enterprise.DAY)),
        *("license", "warn", "self-hosted/license"),
        lambda host: host.agent.run("fetch-secrets", "--wait", "20"),
    ),
    "license not valid yet": Mistake(
        lambda host: host.license(enterprise.license_file(begins=2 * enterprise.DAY)),
        *("license", "fail", "`date -u`"),
        lambda host: host.agent.run("fetch-secrets", "--wait", "20"),
    ),
    "license without its key": Mistake(
        lambda host: host.license(enterprise.certificate(b"{}")),
        *("license", "fail", "license.pem"),
        lambda host: host.agent.run("fetch-secrets", "--wait", "20"),
    ),
    "a certificate without a license": Mistake(
        lambda host: host.license(enterprise.certificate(None) + enterprise.key()),
        *("license", "fail", "license.pem"),
        lambda host: host.agent.run("fetch-secrets", "--wait", "20"),
    ),
    "tctl of another release": Mistake(
        lambda host: host.tctl(version="16.4.2"),
        *("binaries", "warn", "Teleport 17.5.1"),
        lambda host: host.tctl(),
    ),
    "no tctl": Mistake(
        lambda host: host.remove("/usr/local/bin/tctl"),
        *("binaries", "warn", "install the package of Teleport 17.5.1"),
        lambda host: host.tctl(),
    ),
    "drop-in replaces ExecStart": Mistake(
        lambda host: host.agent.write(DROP_IN, "[Service]\nExecStart=\nExecStart=/opt/other start\n"),
        *("unit-files", "warn", "teleport.service.d/override.conf && systemctl daemon-reload`"),
        lambda host: host.remove(DROP_IN),
    ),
    "drop-in for all units replaces EnvironmentFile": Mistake(
        lambda host: host.agent.write("/run/systemd/system/service.d/x.conf", "[Service]\nEnvironmentFile = /etc/x\n"),
        *("unit-files", "warn", "service.d/x.conf && systemctl daemon-reload`"),
        lambda host: host.remove("/run/systemd/system/service.d/x.conf"),
    ),
    "unit replaced": Mistake(
        lambda host: host.agent.write("/etc/systemd/system/teleport.service", "[Service]\nExecStart=/bin/teleport\n"),
        *("unit-files", "warn", "rm "),
        lambda host: host.remove("/etc/systemd/system/teleport.service"),
    ),
    "unit masked": Mistake(
        lambda host: host.agent.path("/etc/systemd/system/teleport-generate-config.service").symlink_to("/dev/null"),
        *("unit-files", "fail", "`systemctl unmask teleport-generate-config.service`"),
        lambda host: host.remove("/etc/systemd/system/teleport-generate-config.service"),
    ),
}


def test_on_a_healthy_host_nothing_fails_or_warns(host: Host) -> None:
    # What is around it, such as its names and its backups, is for the tests of those groups.
    checks = host.around.checks("--only", "host")
    assert {name: each for name, each in checks.items() if each["result"] in ("fail", "warn")} == {}
    # What is there is said; all the rest of these cannot be known in a scratch root.
    assert "holds until" in checks["license"]["found"][0]["message"]
    assert checks["license"]["found"][0]["message"].endswith("for app, db, k8s")
    assert "held by Teleport: 443, 3000, 3022, 3024, 3025" in checks["ports"]["found"][0]["message"]
    assert "planted-account" not in str(checks)


@pytest.mark.parametrize("name", MISTAKES)
def test_issue_18_a_mistake_on_the_host_turns_its_own_check_until_it_is_mended(host: Host, name: str) -> None:
    mistake, before = MISTAKES[name], healthy(host)
    mistake.make(host)
    after = host.around.checks("--offline")
    results = {each: found["result"] for each, found in after.items()}
    assert surroundings.turned(before, results) == {mistake.check: mistake.result}
    assert mistake.remedy in surroundings.remedy_of(after[mistake.check])
    mistake.mend(host)
    assert host.around.results("--offline") == before


@needs_root
@pytest.mark.parametrize(("options", "check"), [("size=1m", "disk-space"), ("size=900m,nr_inodes=40", "disk-inodes")])
def test_issue_18_a_full_disk_is_its_own_check(host: Host, options: str, check: str) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    before = healthy(host)
    data = host.agent.path("/var/lib/teleport")
    fill = f"head -c 1000000 /dev/zero >{data}/core" if "1m" in options else f"touch {data}/{{1..40}} || true"
    keep = (
        f"cp -a {data} /dev/shm/kept.$$ && mount -t tmpfs -o {options} tmpfs {data} && cp -a /dev/shm/kept.$$/. {data}"
    )
    script = f'{keep} && rm -rf /dev/shm/kept.$$; {fill}; exec "$@"'
    prefix = ("unshare", "--mount", "bash", "-c", script, "bash")
    done = host.agent.run("doctor", "--offline", "--format", "json", prefix=prefix)
    after = {each["name"]: each for each in done.data["checks"]}
    assert surroundings.turned(before, {name: each["result"] for name, each in after.items()}) == {check: "fail"}
    assert f"{data} | sort" in surroundings.remedy_of(after[check])


def test_a_community_build_with_a_license_in_the_conf_is_told(host: Host) -> None:
    host.agent.install(edition="community")
    checks = host.around.checks("--offline")
    assert checks["binaries"]["result"] == "warn"
    assert "Teleport Enterprise 17.5.1" in surroundings.remedy_of(checks["binaries"])
    assert checks["license"]["result"] == "skipped"


def test_a_warning_about_the_conf_is_shown(host: Host) -> None:
    path = host.agent.path("/etc/teleport.d/conf")
    path.write_text(path.read_text() + "TELEPORT_DOMAIM_NAME=x\n")
    found = host.around.checks("--offline")["conf"]
    assert found["result"] == "warn" and "TELEPORT_DOMAIM_NAME" in found["found"][0]["message"]


@pytest.mark.parametrize(
    ("check", "because"),
    [
        ("first-boot", "systemd does not run here"),
        ("teleport-unit", "systemd does not run here"),
        ("timers", "systemd does not run here"),
        ("pending-restore", "no restore"),
        ("manual-file", "was generated"),
        ("own-address", "do not reach this host by an address"),
        ("web-certificates", "serves a certificate"),
        ("firewall", "not a running system"),
        ("time-synchronization", "systemd does not run here"),
    ],
)
def test_what_cannot_be_looked_at_is_skipped_with_the_reason(host: Host, check: str, because: str) -> None:
    found = host.around.checks("--offline", "--only", check)[check]
    assert found["result"] == "skipped"
    assert because in found["found"][0]["message"]
