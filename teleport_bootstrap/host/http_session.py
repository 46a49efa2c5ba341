"""A session of requests that keeps to the limit of time of its exchange, and does nothing by itself.

It follows no redirect, reads no netrc file and takes no proxy from the environment. See host.time_limit.
"""

from __future__ import annotations

import requests
import urllib3
from requests import adapters

from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import http_connection


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Return None: even where it follows no redirect, requests would read all of the answer's body for it."""
        return None


class _Adapter(adapters.HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _pools()

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _pools()
        return manager


def create() -> requests.Session:
    """Return a new session."""
    made = _Session()
    made.trust_env = False
    for scheme in ("http://", "https://"):
        made.mount(scheme, _Adapter())
    return made


def _pools() -> dict[str, Any]:
    return http_connection.pools(urllib3.HTTPConnectionPool, urllib3.HTTPSConnectionPool)
