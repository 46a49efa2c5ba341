"""Which paths an archive may write: a crafted archive has a valid seal, too."""

from __future__ import annotations

import pytest

from teleport_bootstrap.restore import places


@pytest.mark.parametrize(
    "path",
    [
        "/etc/sudoers",
        "/etc/sudoers.d/x",
        "/etc/shadow",
        "/etc/passwd-",
        "/etc/cron.d/x",
        "/etc/cron.hourly/x",
        "/etc/rc3.d/S99x",
        "/etc/ld.so.preload",
        "/etc/ld.so.conf.d/x.conf",
        "/etc/pam.d/sshd",
        "/etc/ssh/sshd_config.d/x.conf",
        "/etc/systemd/system/x.service",
        "/etc/polkit-1/rules.d/x.rules",
        "/etc/dbus-1/system.d/x.conf",
        "/etc/profile.d/x.sh",
        "/etc/hosts",
        "/etc/nsswitch.conf",
        "/etc/NetworkManager/dispatcher.d/x",
        "/etc/update-motd.d/99-x",
        "/root/.ssh/authorized_keys",
        "/home/admin/.ssh/authorized_keys",
        "/opt/x/.profile",
        "/usr/bin/sudo",
        "/usr/local/bin/teleport",
        "/lib64/libc.so.6",
        "/dev/sda",
        "/run/x",
        "/x.pem",
        "/var/spool/cron/crontabs/root",
        "/var/lib/cloud/scripts/per-boot/x",
        "/var/lib/dpkg/info/x.postinst",
        "/var/lib/x",
        "/tmp/x.pem",
    ],
)
def test_no_archive_writes_what_belongs_to_the_system(path: str) -> None:
    assert places.is_system(path)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/ssl/private/teleport.key",
        "/etc/pki/tls/private/x.pem",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/teleport-license.pem",
        "/etc/teleport/keys/x",
        "/etc/acme/x.crt",
        "/etc/krb5.keytab",
        "/etc/opt/acme/x.crt",
        "/opt/certs/x.pem",
        "/srv/x.pem",
        "/root/license.pem",
        "/home/acme/x.pem",
        "/var/lib/acme/x.pem",
        "/var/lib/teleport-license.pem",
        "/usr/local/share/ca-certificates/rds.crt",
    ],
)
def test_keys_and_certificates_may_be_where_people_keep_them(path: str) -> None:
    assert not places.is_system(path)


@pytest.mark.parametrize(
    "path",
    [
        *("/etc", "/etc/ssh", "/etc/teleport.d", "/etc/letsencrypt/live", "/etc/acme", "/usr", "/usr/local/bin"),
        *(
            "/var",
            "/var/lib",
            "/var/lib/teleport-bootstrap",
            "/var/lib/teleport-bootstrap/generations",
            "/var/lib/dpkg",
        ),
        *("/home", "/home/admin", "/root", "/root/x", "/opt", "/srv", "/bin", "/lib", "/boot", "/home/admin/.ssh"),
        *("/var/spool/cron", "/var/log", "/run/x", "/tmp", "/.hidden"),
    ],
)
def test_directories_of_the_system_are_never_replaced_whatever_teleport_yaml_names(path: str) -> None:
    assert not places.is_place_for_data(path)


@pytest.mark.parametrize(
    "path",
    ["/var/lib/teleport", "/var/lib/teleport-data", "/data", "/data/teleport", "/srv/teleport", "/mnt/volume/t"],
)
def test_data_may_be_on_its_own_volume(path: str) -> None:
    assert places.is_place_for_data(path)
