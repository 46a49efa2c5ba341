"""Which files a document names."""

from __future__ import annotations

from teleport_bootstrap.plan import named_files


def test_files_of_all_services_are_found_each_once() -> None:
    document = {
        "teleport": {"ca_pin": ["sha256:aa", "/etc/pin"], "auth_token": "/etc/token", "pid_file": "/run/teleport.pid"},
        "auth_service": {"license_file": "/etc/license.pem"},
        "proxy_service": {"https_keypairs": [{"key_file": "/etc/k", "cert_file": "/etc/c"}, {"key_file": "/etc/k"}]},
        "db_service": {"databases": [{"tls": {"ca_cert_file": "/etc/ca"}, "ad": {"keytab_file": "/etc/keytab"}}]},
        "kubernetes_service": {"enabled": "no", "kubeconfig_file": "/etc/kube"},
    }
    assert named_files.paths_in(document) == (
        "/etc/pin",
        "/etc/token",
        "/etc/license.pem",
        "/etc/k",
        "/etc/c",
        "/etc/ca",
        "/etc/keytab",
        "/etc/kube",
    )


def test_other_values_are_not_files() -> None:
    document = {
        "teleport": {"data_dir": "/var/lib/teleport", "ca_pin": "sha256:bb", "join_params": {"token_name": "abc"}},
        "ssh_service": {"commands": [{"name": "arch", "command": ["/usr/bin/uname", "-m"]}]},
        "app_service": {"apps": [{"uri": "/socket"}]},
        "proxy_service": {"https_key_file": 5, "https_cert_file": None},
    }
    assert named_files.paths_in(document) == ()
