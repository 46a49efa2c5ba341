"""The whole of teleport.yaml, as a tree of sourced values: one function for each section."""

from __future__ import annotations

from collections.abc import Callable

from teleport_bootstrap import paths, port_table, roles
from teleport_bootstrap.conf import deployment, resource, variables
from teleport_bootstrap.hints import Any
from teleport_bootstrap.plan import aws_endpoint, network_address, plan_inputs, provenance

Section = dict[str, Any]
Text = provenance.Sourced[str]

# Prefix of the keys, the variable that switches the listener on, and its port.
_DATABASES = (
    ("mysql", variables.TELEPORT_ENABLE_MYSQL, port_table.MYSQL),
    ("postgres", variables.TELEPORT_ENABLE_POSTGRES, port_table.POSTGRES),
    ("mongo", variables.TELEPORT_ENABLE_MONGODB, port_table.MONGODB),
)


def build(inputs: plan_inputs.Inputs) -> Section:
    """Return the document for `inputs`, which `requirements.check` has accepted."""
    tree: Section = {"version": "v3", "teleport": _teleport(inputs)}
    for name, runs, section in _SERVICES:
        tree[name] = {"enabled": "yes", **_without_unset(section(inputs))} if runs(inputs) else {"enabled": "no"}
    return tree


def _without_unset(section: Section) -> Section:
    return {key: value for key, value in section.items() if value not in (None, {}, [])}


def _teleport(inputs: plan_inputs.Inputs) -> Section:
    role = inputs.deployment.role
    is_proxy = role is roles.Role.PROXY
    return _without_unset(
        {
            "nodename": inputs.certain(variables.TELEPORT_NODENAME),
            "advertise_ip": provenance.from_metadata(
                "ipv6" if inputs.facts.is_ipv6_only else "local-ipv4", inputs.facts.address
            ),
            "data_dir": paths.DATA,
            "log": {"output": "stderr", "severity": "INFO"},
            **(_joining(inputs) if role.joins else {}),
            "cache": {"type": "in-memory"} if is_proxy else None,
            "connection_limits": {"max_connections": 65000} if is_proxy else None,
            "storage": _storage(inputs) if role is not roles.Role.AGENT else None,
        }
    )


def _joining(inputs: plan_inputs.Inputs) -> Section:
    method = inputs.certain(variables.TELEPORT_JOIN_METHOD)
    name: Text = provenance.Sourced(paths.TOKEN)
    if method.value != "token":
        name = inputs.certain(variables.TELEPORT_JOIN_TOKEN_NAME)
    params: Section = {"join_params": {"method": method, "token_name": name}}
    if method.value == "bound_keypair":
        secret = inputs.get(variables.TELEPORT_REGISTRATION_SECRET_PATH) or paths.REGISTRATION_SECRET
        params["join_params"]["bound_keypair"] = {"registration_secret_path": secret}
    if inputs.deployment.joins_through_proxy:
        # Teleport itself would take its web port for an address without one; AWS's load balancers listen for HTTPS.
        proxy = inputs.certain(variables.TELEPORT_PROXY_SERVER_LB)
        address = proxy.map(lambda proxy: network_address.joined(proxy.host, proxy.port or port_table.HTTPS))
        return {**params, "proxy_server": address}
    auth = inputs.certain(variables.TELEPORT_AUTH_SERVER_LB)
    # The file of the pin, not its content: a pin that changes needs no change here.
    return {**params, "ca_pin": paths.CA_PIN, "auth_server": _at(auth, port_table.AUTH)}


def _storage(inputs: plan_inputs.Inputs) -> Section:
    if not inputs.deployment.dynamodb:
        return {"type": "dir", "path": paths.BACKEND}
    events = [_events(inputs, store) for store in inputs.deployment.event_stores]
    bucket = inputs.certain(variables.TELEPORT_S3_BUCKET)
    return {
        "type": "dynamodb",
        "region": inputs.certain(variables.EC2_REGION),
        "table_name": inputs.certain(variables.TELEPORT_DYNAMO_TABLE_NAME),
        "audit_events_uri": events if len(events) > 1 else events[0],
        "audit_sessions_uri": bucket.map(lambda name: f"s3://{name}/records"),
    }


def _events(inputs: plan_inputs.Inputs, store: str) -> Text:
    if store == deployment.ATHENA:
        return inputs.certain(variables.TELEPORT_ATHENA_EVENTS_URI)
    return inputs.certain(variables.TELEPORT_DYNAMO_EVENTS_TABLE_NAME).map(lambda table: f"dynamodb://{table}")


def _proxy(inputs: plan_inputs.Inputs) -> Section:
    web_port, port = inputs.certain(variables.TELEPORT_WEB_LISTEN_PORT), _external_port(inputs)
    section: Section = {
        "web_listen_addr": web_port.map(inputs.listen),
        "public_addr": _at(_external_hostname(inputs), port.value).with_origin_of(port),
    }
    if not inputs.deployment.tls_routing:
        section.update(_listeners(inputs))
    section["proxy_protocol"] = _proxy_protocol(inputs) if not inputs.deployment.acm else None
    tls, acm = inputs.deployment.tls, inputs.get(variables.USE_ACM)
    if tls is deployment.Tls.LETSENCRYPT:
        section["https_keypairs"] = [{"cert_file": paths.CERTIFICATE, "key_file": paths.PRIVATE_KEY}]
    elif tls is deployment.Tls.ACM and acm is not None and inputs.build.takes_trust_x_forwarded_for:
        # Behind an ALB the client's address is only in that header; without an ALB anyone could write it.
        section["trust_x_forwarded_for"] = acm.map(lambda _: True)
    return section


def _listeners(inputs: plan_inputs.Inputs) -> Section:
    """Return the ports of a proxy besides its web port, which it needs without TLS routing."""
    host = ssh_host = _external_hostname(inputs)
    if inputs.deployment.acm:
        # An ALB speaks HTTP only: the other protocols need a load balancer that carries them.
        host = ssh_host = inputs.value(variables.TELEPORT_PROXY_SERVER_NLB_ALIAS) or host
    else:
        ssh_host = inputs.get(variables.TELEPORT_DOMAIN_NAME) or host
    section: Section = {
        "listen_addr": inputs.listen(port_table.PROXY_SSH),
        "ssh_public_addr": _at(ssh_host, port_table.PROXY_SSH),
        "tunnel_listen_addr": inputs.listen(port_table.TUNNEL),
        "tunnel_public_addr": _at(ssh_host, port_table.TUNNEL),
        "kube_listen_addr": inputs.listen(port_table.KUBERNETES),
        "kube_public_addr": _at(host, port_table.KUBERNETES),
    }
    for prefix, variable, own_port in _DATABASES:
        enabled, alias = inputs.get(variable), _shared_postgres(inputs)
        if variable is variables.TELEPORT_ENABLE_POSTGRES and alias is not None:
            section["postgres_public_addr"] = _at(alias, port_table.HTTPS)
        elif enabled is not None and enabled.value:
            section[f"{prefix}_listen_addr"] = provenance.Sourced(inputs.listen(own_port), enabled.origins)
            section[f"{prefix}_public_addr"] = _at(host, own_port).with_origin_of(enabled)
    return section


def _shared_postgres(inputs: plan_inputs.Inputs) -> Text | None:
    """Return the name under which Postgres clients reach a proxy's web port, None where they have a port of their own.

    Behind ACM, the network load balancer with an alias carries 443 to the web port too, where Teleport tells Postgres
    from the other protocols.
    """
    is_shared = (
        inputs.deployment.role is roles.Role.PROXY and inputs.deployment.acm and not inputs.deployment.plain_http
    )
    return inputs.get(variables.TELEPORT_PROXY_SERVER_NLB_ALIAS) if is_shared else None


def _at(host: Text, port: int) -> Text:
    return host.map(lambda name: network_address.joined(name, port))


def _external_hostname(inputs: plan_inputs.Inputs) -> Text:
    """Return the name in front of the web port: a proxy's is its domain."""
    is_proxy = inputs.deployment.role is roles.Role.PROXY
    return inputs.certain(variables.TELEPORT_DOMAIN_NAME if is_proxy else variables.TELEPORT_EXTERNAL_HOSTNAME)


def _external_port(inputs: plan_inputs.Inputs) -> provenance.Sourced[int]:
    """Return the port in front of the web port: a proxy's is that of HTTPS."""
    if inputs.deployment.role is roles.Role.PROXY:
        return provenance.Sourced(port_table.HTTPS)
    return inputs.certain(variables.TELEPORT_EXTERNAL_PORT)


def _ssh(inputs: plan_inputs.Inputs) -> Section:
    written = [variables.TELEPORT_SSH_LABELS]
    if inputs.deployment.role is roles.Role.AGENT:
        written.append(variables.TELEPORT_AGENT_SSH_LABELS)
    chosen = inputs.certain(variables.TELEPORT_COMMAND_LABELS)
    # Without a public address the command would have nothing to print.
    names = [name for name in chosen.value if name != "external" or inputs.facts.public_ipv4 is not None]
    return {
        "listen_addr": inputs.listen(port_table.SSH),
        "labels": inputs.labels(*written),
        "commands": [
            {
                "name": provenance.Sourced(name, chosen.origins),
                "command": _label_command(inputs, name),
                "period": "1h0m0s",
            }
            for name in names
        ],
    }


def _label_command(inputs: plan_inputs.Inputs, name: str) -> list[str]:
    command = list(variables.COMMAND_LABELS[name])
    # The private address is then of the other kind.
    return ["ipv6" if inputs.facts.is_ipv6_only and word == "local-ipv4" else word for word in command]


def _databases(inputs: plan_inputs.Inputs) -> Section:
    matchers = [_databases_of_aws(inputs, each.number) for each in inputs.served_of(resource.DATABASES_OF_AWS)]
    return {
        "databases": [_database(inputs, each.number) for each in inputs.served_of(resource.DATABASE)],
        "aws": matchers,
    }


def _database(inputs: plan_inputs.Inputs, number: int) -> Section:
    return _without_unset(
        {
            "name": inputs.certain(variables.numbered(variables.TELEPORT_AGENT_DB_NAME, number)),
            "description": inputs.get(variables.numbered(variables.TELEPORT_AGENT_DB_DESCRIPTION, number)),
            "protocol": inputs.certain(variables.numbered(variables.TELEPORT_AGENT_DB_PROTOCOL, number)),
            "uri": inputs.certain(variables.numbered(variables.TELEPORT_AGENT_DB_URI, number)),
            "aws": _hosted_by_aws(inputs, number),
            "static_labels": inputs.labels(variables.numbered(variables.TELEPORT_AGENT_DB_LABELS, number)),
        }
    )


def _hosted_by_aws(inputs: plan_inputs.Inputs, number: int) -> Section | None:
    """Return what Teleport needs to know of a database that AWS hosts, None for any other.

    Teleport takes every database with a region for one on RDS: it downloads the CA bundle of RDS when it starts, ends
    if it cannot, and signs in with IAM.
    """
    own_region = variables.numbered(variables.TELEPORT_AGENT_DB_REGION, number)
    redshift = inputs.get(variables.numbered(variables.TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID, number))
    protocol = inputs.certain(variables.numbered(variables.TELEPORT_AGENT_DB_PROTOCOL, number)).value
    address = inputs.certain(variables.numbered(variables.TELEPORT_AGENT_DB_URI, number)).value
    hosted = aws_endpoint.service(address) or protocol in aws_endpoint.PROTOCOLS
    if inputs.get(own_region) is None and redshift is None and not hosted:
        return None
    return {
        "region": inputs.certain(own_region),
        **({"redshift": {"cluster_id": redshift}} if redshift is not None else {}),
    }


def _databases_of_aws(inputs: plan_inputs.Inputs, number: int) -> Section:
    tags = inputs.certain(variables.numbered(variables.TELEPORT_AGENT_DB_AWS_TAGS, number))
    return {
        "types": inputs.certain(variables.numbered(variables.TELEPORT_AGENT_DB_AWS_TYPES, number)).map(list),
        "regions": inputs.certain(variables.numbered(variables.TELEPORT_AGENT_DB_AWS_REGIONS, number)).map(list),
        "tags": {key: provenance.Sourced(value, tags.origins) for key, value in tags.value},
    }


def _applications(inputs: plan_inputs.Inputs) -> Section:
    return {"apps": [_application(inputs, each.number) for each in inputs.served_of(resource.APPLICATION)]}


def _application(inputs: plan_inputs.Inputs, number: int) -> Section:
    insecure = inputs.get(variables.numbered(variables.TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY, number))
    return _without_unset(
        {
            "name": inputs.certain(variables.numbered(variables.TELEPORT_AGENT_APP_NAME, number)),
            "description": inputs.get(variables.numbered(variables.TELEPORT_AGENT_APP_DESCRIPTION, number)),
            "uri": inputs.certain(variables.numbered(variables.TELEPORT_AGENT_APP_URI, number)),
            "public_addr": inputs.get(variables.numbered(variables.TELEPORT_AGENT_APP_PUBLIC_ADDR, number)),
            "insecure_skip_verify": insecure if insecure is not None and insecure.value else None,
            "labels": inputs.labels(variables.numbered(variables.TELEPORT_AGENT_APP_LABELS, number)),
        }
    )


def _kubernetes(inputs: plan_inputs.Inputs) -> Section:
    return {
        "kube_cluster_name": inputs.get(variables.TELEPORT_AGENT_KUBE_CLUSTER_NAME),
        "labels": inputs.labels(variables.TELEPORT_AGENT_KUBE_LABELS),
    }


def _auth(inputs: plan_inputs.Inputs) -> Section:
    balancer = inputs.get(variables.TELEPORT_AUTH_SERVER_LB)
    # `localhost` is what the Terraform set-up of a single instance writes for "there is none".
    if balancer is not None and balancer.value == "localhost":
        balancer = None
    license_wanted = inputs.get(variables.TELEPORT_LICENSE_PATH) if inputs.build.takes_license else None
    return {
        "listen_addr": inputs.listen(port_table.AUTH),
        "public_addr": _at(balancer, port_table.AUTH) if balancer is not None else None,
        "cluster_name": inputs.value(variables.TELEPORT_CLUSTER_NAME),
        "keep_alive_interval": "1m",
        "keep_alive_count_max": 3,
        "proxy_listener_mode": _proxy_listener_mode(inputs),
        "proxy_protocol": _proxy_protocol(inputs),
        "authentication": _authentication(inputs),
        "license_file": license_wanted.map(lambda _: paths.LICENSE) if license_wanted is not None else None,
        "access_monitoring": _access_monitoring(inputs),
    }


def _proxy_protocol(inputs: plan_inputs.Inputs) -> Text | None:
    return inputs.get(variables.TELEPORT_PROXY_PROTOCOL) if inputs.build.takes_proxy_protocol else None


def _access_monitoring(inputs: plan_inputs.Inputs) -> Section | None:
    role = inputs.get(variables.TELEPORT_ACCESS_MONITORING_ROLE_ARN)
    if role is None:
        return None
    return _without_unset(
        {
            "enabled": role.map(lambda _: True),
            "role_arn": role,
            "report_results": inputs.certain(variables.TELEPORT_ACCESS_MONITORING_REPORT_RESULTS),
            "workgroup": inputs.get(variables.TELEPORT_ACCESS_MONITORING_WORKGROUP),
        }
    )


def _proxy_listener_mode(inputs: plan_inputs.Inputs) -> Text | None:
    routing = inputs.get(variables.USE_TLS_ROUTING)
    if inputs.deployment.tls_routing:
        if routing is None or not routing.value:
            routing = inputs.certain(variables.USE_ACM)  # which switched it on
        return routing.map(lambda _: "multiplex")
    return None if routing is not None else inputs.get(variables.PROXY_MULTIPLEXING)


def _authentication(inputs: plan_inputs.Inputs) -> Section:
    domain = inputs.get(variables.TELEPORT_DOMAIN_NAME)
    if inputs.build.takes_second_factor_list:
        # WebAuthn alone would lock out people who have only one-time codes.
        factors: Section = {"second_factors": ["webauthn", "otp"] if domain else ["otp"]}
    else:
        factors = {"second_factor": "on" if domain else "otp"}
    return _without_unset(
        {
            "type": inputs.get(variables.TELEPORT_AUTH_TYPE),
            "local_auth": False if inputs.deployment.fips else None,
            **factors,
            "webauthn": {"rp_id": domain} if domain is not None else None,
        }
    )


def _serves(*kinds: resource.Kind) -> Callable[[plan_inputs.Inputs], bool]:
    return lambda inputs: any(each.kind in kinds for each in inputs.served)


def _serves_ssh(inputs: plan_inputs.Inputs) -> bool:
    role = inputs.deployment.role
    if role is roles.Role.AGENT:
        return inputs.conf.value(variables.TELEPORT_AGENT_SSH_ENABLED) is True
    return role in (roles.Role.ALL, roles.Role.NODE) or inputs.deployment.with_node


# In the order of the file. A service that the role does not run is disabled explicitly: three are on by default.
_SERVICES: tuple[tuple[str, Callable[[plan_inputs.Inputs], bool], Callable[[plan_inputs.Inputs], Section]], ...] = (
    ("proxy_service", lambda inputs: inputs.deployment.role.runs_proxy, _proxy),
    ("ssh_service", _serves_ssh, _ssh),
    ("db_service", _serves(resource.DATABASE, resource.DATABASES_OF_AWS), _databases),
    ("app_service", _serves(resource.APPLICATION), _applications),
    ("kubernetes_service", _serves(resource.KUBERNETES), _kubernetes),
    ("auth_service", lambda inputs: inputs.deployment.role.runs_auth, _auth),
)
