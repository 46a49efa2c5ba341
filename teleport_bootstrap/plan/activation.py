"""The part of a plan that needs only the conf: markers, environment, directories, secrets to fetch, units."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from urllib import parse

from teleport_bootstrap import errors, paths, port_table, records, roles, unit_table
from teleport_bootstrap.conf import conf_file, decision, deployment, signal_target, variables
from teleport_bootstrap.finding import note
from teleport_bootstrap.plan import effects, plan_model, requirements, teleport_build, teleport_versions


def plan(conf: conf_file.Conf, build: teleport_build.TeleportBuild) -> plan_model.Activation:
    """Return the activation for `conf` with the Teleport `build`.

    Raises ConfInvalid with every requirement that is not met, and TeleportUnsupported where the installed Teleport
    is not one that can do what the conf asks.
    """
    problems = requirements.check(conf, fips=build.fips)
    if problems:
        raise errors.ConfInvalid(conf.path, problems)
    decided = decision.decide(conf, fips=build.fips)
    _check_build(conf, build)
    place = decided.place
    secrets = tuple(_secrets(conf, decided, build))
    gates = tuple(secret.path for secret in secrets if secret.may_be_pending)
    if decided.tls is deployment.Tls.LETSENCRYPT:
        gates += (paths.CERTIFICATE, paths.PRIVATE_KEY)
    files = tuple(_files(decided, gates))
    possible = (*roles.MARKER_PATHS, paths.LETSENCRYPT_MARKER, *unit_table.DROP_INS)
    written = {each.path for each in files}
    return plan_model.Activation(
        unit=place.unit,
        deployment=decided,
        files=files,
        absent=tuple(path for path in possible if path not in written),
        directories=plan_model.directories(place),
        secrets=secrets,
        units=_units(conf, decided, secrets),
        gates=gates,
        notes=(*_notes(conf, decided, build), *map(note, effects.notes(conf, fips=build.fips))),
    )


# Without these, Teleport's own client of AWS looks for addresses that an IPv6-only subnet cannot reach.
_IPV6_ENVIRONMENT = "AWS_USE_DUALSTACK_ENDPOINT=true\nAWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6\n"


def on_network(activated: plan_model.Activation, *, is_ipv6_only: bool) -> plan_model.Activation:
    """Return the activation for an instance in an IPv6-only subnet, or the same for another one."""
    if not is_ipv6_only:
        return activated
    files = tuple(
        records.replace(each, content=each.content + _IPV6_ENVIRONMENT) if each.path == paths.UNIT_ENVIRONMENT else each
        for each in activated.files
    )
    return records.replace(activated, files=files)


def _check_build(conf: conf_file.Conf, build: teleport_build.TeleportBuild) -> None:
    if build.major < teleport_versions.OLDEST_TESTED:
        raise errors.TeleportUnsupported(
            f"Teleport {build.version} is too old: the oldest major that this agent is tested with is "
            f"{teleport_versions.OLDEST_TESTED}",
            hint="Install a newer Teleport; move one major version at a time.",
        )
    athena = conf.setting(variables.TELEPORT_ATHENA_EVENTS_URI)
    if athena is not None and decision.role(conf).runs_auth and not build.takes_athena:
        raise errors.TeleportUnsupported(
            f"TELEPORT_ATHENA_EVENTS_URI at {conf.path}:{athena.line} asks for an audit log in Athena, which Teleport "
            f"{build.version} does not know",
            hint="Install Teleport 14 or newer, or remove TELEPORT_ATHENA_EVENTS_URI and the access monitoring.",
        )
    method = conf.setting(variables.TELEPORT_JOIN_METHOD)
    if method is not None and method.value == "bound_keypair" and not build.takes_bound_keypair:
        raise errors.TeleportUnsupported(
            f"TELEPORT_JOIN_METHOD at {conf.path}:{method.line} is bound_keypair, which Teleport {build.version} takes "
            "for bots only",
            hint="Install Teleport 18.7 or newer, or use the join method iam or token.",
        )


def _files(decided: deployment.Deployment, gates: tuple[str, ...]) -> Iterator[plan_model.PlannedFile]:
    place = decided.place
    flags = [*(["--fips"] if decided.fips else []), *(["--insecure-no-tls"] if decided.plain_http else [])]
    yield plan_model.PlannedFile(paths.UNIT_ENVIRONMENT, f"TELEPORT_START_FLAGS={' '.join(flags)}\n", 0o600)
    yield plan_model.PlannedFile(place.marker_path, f"{place.marker}\n", 0o644)
    if decided.letsencrypt:
        yield plan_model.PlannedFile(paths.LETSENCRYPT_MARKER, "use-letsencrypt\n", 0o644)
    if gates:
        yield plan_model.PlannedFile(unit_table.drop_in(place.unit), _conditions(gates, place), 0o644)


def _conditions(gates: tuple[str, ...], place: roles.Place) -> str:
    """Return the drop-in that lets Teleport's unit wait for `gates`."""
    lines = [
        f"# Written by teleport-bootstrap from {paths.CONF}: Teleport would stop at once without these files,",
        "# so the unit waits, and what brings them starts it.",
        "[Unit]",
    ]
    joining = [path for path in gates if path in paths.JOIN_SECRETS]
    if joining and sum(each.unit == place.unit for each in roles.PLACES) > 1:
        # Of all conditions with |, systemd wants one to hold, and a marker of a unit with several roles would be that.
        lines += ["ConditionPathExists=", f"ConditionPathExists={paths.TELEPORT_YAML}"]
        lines.append(f"ConditionPathExists={place.marker_path}")
    for path in gates:
        if path in joining:
            # A host that has joined has its identity there, and needs the secret no more: one of the two will do.
            lines += [f"ConditionPathExists=|{path}", f"ConditionPathExists=|{paths.IDENTITY}"]
        else:
            lines.append(f"ConditionPathExists={path}")
    return "\n".join(lines) + "\n"


def _secrets(
    conf: conf_file.Conf, decided: deployment.Deployment, build: teleport_build.TeleportBuild
) -> Iterator[plan_model.SecretFile]:
    place, role = decided.place, decided.role
    prefix = f"/teleport/{decided.cluster}"
    secret = functools.partial(plan_model.SecretFile, owner=place.user, group=place.group)
    if role.runs_auth and build.takes_license and conf.value(variables.TELEPORT_LICENSE_PATH):
        yield secret(paths.LICENSE, 0o600, parameter=f"{prefix}/license")
    if role.joins and decided.join_method == "token":
        parameter = conf.value(variables.TELEPORT_JOIN_TOKEN_PARAMETER)
        if role is roles.Role.AGENT and parameter is None:
            yield secret(paths.TOKEN, 0o600, variable=variables.TELEPORT_JOIN_TOKEN.name)
        else:
            kind = f"{role.value}-node" if decided.with_node else role.value
            name = parameter or f"{prefix}/tokens/{kind}"
            yield secret(paths.TOKEN, 0o600, parameter=name, may_be_pending=True)
    if role.joins and decided.join_method == "bound_keypair":
        parameter = conf.value(variables.TELEPORT_REGISTRATION_SECRET_PARAMETER)
        if parameter is not None:
            yield secret(paths.REGISTRATION_SECRET, 0o600, parameter=parameter, may_be_pending=True)
    if role.joins and not decided.joins_through_proxy:
        # Only the auth server's own certificate is checked by its pin.
        yield secret(paths.CA_PIN, 0o644, parameter=f"{prefix}/ca-pin-hash", may_be_pending=True)


def _units(
    conf: conf_file.Conf, decided: deployment.Deployment, secrets: tuple[plan_model.SecretFile, ...]
) -> plan_model.Units:
    # An agent has something to fetch only where its conf names a parameter.
    signaled = conf.value(variables.TELEPORT_SIGNAL)
    lifecycle = signaled is not None and signaled.service == signal_target.LIFECYCLE
    lifecycle = lifecycle or conf.value(variables.TELEPORT_DRAIN_HOOK) is not None
    fetches = any(each.parameter and each.may_be_pending for each in secrets)
    timers = [
        unit.timer
        for unit in unit_table.TABLE
        if unit.is_needed(decided.role, letsencrypt=decided.letsencrypt, lifecycle=lifecycle)
        or (fetches and unit is unit_table.FETCH_SECRETS)
    ]
    wanted = (decided.place.unit, *timers)
    others = unit_table.CERTBOTS_TIMERS if decided.letsencrypt and decided.role.runs_auth else ()
    every = (*unit_table.TELEPORT_SERVICES, *unit_table.TIMERS, *others)
    unwanted = tuple(unit for unit in every if unit not in wanted)
    return plan_model.Units(enable=wanted, disable=unwanted, start=wanted, stop=unwanted)


def _notes(conf: conf_file.Conf, decided: deployment.Deployment, build: teleport_build.TeleportBuild) -> Iterator[str]:
    if build.assumed:
        yield (
            f"No Teleport binary said which version it is; the document is for Teleport {build.major}. "
            "--teleport-version names another."
        )
    yield from map(note, teleport_versions.findings(build.number))
    if build.is_fips_unknown:
        yield (
            f"Teleport {build.version} does not tell whether it is a FIPS build, nor does anything else here. It is "
            "started as an ordinary one. Set TELEPORT_FIPS to true or false in the conf."
        )
    if decided.role is roles.Role.PROXY and decided.with_node and decided.join_method == "token":
        yield (
            "The token for a proxy that is a node too is published where the auth servers' conf has "
            f"{variables.TELEPORT_PROXY_NODE_TOKEN.name}=true; until then, Teleport waits for it."
        )
    if decided.role.runs_auth and conf.value(variables.TELEPORT_LICENSE_PATH) and not build.takes_license:
        yield (
            f"TELEPORT_LICENSE_PATH at {conf.path}:{conf.line(variables.TELEPORT_LICENSE_PATH)} has no effect: the "
            f"installed Teleport {build.version} is the community edition, which takes no license. None is fetched."
        )
    yield from _overruled(conf, decided)
    yield from _proxy_protocol(conf, decided, build)
    yield from _athena(conf, decided)
    # Where it has always been 443, nothing has to be said.
    is_moved = not conf.value(variables.USE_TLS_ROUTING) and (decided.tls_routing or not decided.acm)
    if decided.role is roles.Role.ALL and decided.web_port is None and is_moved:
        yield (
            f"The proxy listens on port {port_table.HTTPS}, as on the newer public images; on older ones it was "
            f"{port_table.WEB}. If security groups or load balancers still expect that port, set "
            f"TELEPORT_WEB_LISTEN_PORT={port_table.WEB}."
        )
    if decided.acm and not decided.tls_routing:
        yield from _balancer(conf)
    if decided.acm and build.major < 14:
        yield f"Teleport {build.version} does not know trust_x_forwarded_for; it logs the load balancer's address."


def _overruled(conf: conf_file.Conf, decided: deployment.Deployment) -> Iterator[str]:
    """Say which switches of the starter cluster USE_ACM has overruled."""
    if not (decided.is_starter and decided.acm):
        return
    by = f"because USE_ACM is true at {conf.path}:{conf.line(variables.USE_ACM)} and TELEPORT_ROLE is {roles.DEFAULT}"
    routing = conf.setting(variables.USE_TLS_ROUTING)
    if decided.tls_routing and (routing is None or not routing.value):
        where = "USE_TLS_ROUTING is not set" if routing is None else f"line {routing.line} says USE_TLS_ROUTING=false"
        yield f"TLS routing is on, {by}, though {where}. All protocols use the web port."
    elif decided.plain_http:
        yield "TLS routing stays off, because TELEPORT_ACM_TARGET_PROTOCOL is http; https switches it on."
    letsencrypt = conf.setting(variables.USE_LETSENCRYPT)
    if letsencrypt is not None and letsencrypt.value:
        yield f"Let's Encrypt is off, {by}, though line {letsencrypt.line} says USE_LETSENCRYPT=true."


def _proxy_protocol(
    conf: conf_file.Conf, decided: deployment.Deployment, build: teleport_build.TeleportBuild
) -> Iterator[str]:
    """Say where TELEPORT_PROXY_PROTOCOL has no effect, and which connections it ends."""
    setting = conf.setting(variables.TELEPORT_PROXY_PROTOCOL)
    if setting is None or decided.role not in variables.TELEPORT_PROXY_PROTOCOL.roles:
        return
    where = f"TELEPORT_PROXY_PROTOCOL at {conf.path}:{setting.line}"
    if not build.takes_proxy_protocol:
        yield f"{where} has no effect: Teleport before 13.3, such as {build.version}, neither requires nor refuses it."
    elif decided.role.runs_proxy and decided.acm:
        yield f"{where} does not count for the proxy, because its application load balancer never sends that header."
    elif decided.role.runs_proxy and setting.value == "on" and not decided.tls_routing:
        listeners = [variable.name for variable in variables.DATABASE_LISTENERS if variable.name in decided.enabled]
        if listeners:
            yield (
                f"{where} is on, so the proxy refuses database clients whose target groups do not send that header "
                f"({', '.join(listeners)}). Let these target groups send it, or leave TELEPORT_PROXY_PROTOCOL out."
            )


# Without these settings in the URI Teleport does not start.
_NEEDED_BY_ATHENA = ("topicArn", "locationS3", "largeEventsS3", "queueURL")


def _athena(conf: conf_file.Conf, decided: deployment.Deployment) -> Iterator[str]:
    setting, mode = (
        conf.setting(each) for each in (variables.TELEPORT_ATHENA_EVENTS_URI, variables.TELEPORT_ATHENA_MIGRATION_MODE)
    )
    if not decided.role.runs_auth:
        return
    if setting is None:
        if mode is not None:
            yield f"TELEPORT_ATHENA_MIGRATION_MODE at {conf.path}:{mode.line} has no effect: no events go to Athena."
        return
    named = parse.parse_qs(parse.urlsplit(setting.value).query)
    absent = [key for key in _NEEDED_BY_ATHENA if key not in named]
    if absent:
        yield (
            f"TELEPORT_ATHENA_EVENTS_URI at {conf.path}:{setting.line} does not set {', '.join(absent)}, without which "
            "Teleport does not start."
        )


def _balancer(conf: conf_file.Conf) -> Iterator[str]:
    """Say that nothing carries the ports besides the web's, where no name leads to a network load balancer."""
    alias, balancer = (
        conf.setting(each) for each in (variables.TELEPORT_PROXY_SERVER_NLB_ALIAS, variables.TELEPORT_PROXY_SERVER_LB)
    )
    setting = alias or balancer
    name = "" if setting is None else setting.value if setting is alias else setting.value.host
    web = {
        each.lower()
        for each in map(conf.value, (variables.TELEPORT_DOMAIN_NAME, variables.TELEPORT_EXTERNAL_HOSTNAME))
        if each is not None
    }
    if setting is not None and name.lower() not in web:
        return
    where = (
        ""
        if setting is None
        else (
            f"{setting.variable.name} at {conf.path}:{setting.line} is {name}, the name of the application load "
            "balancer itself. "
        )
    )
    yield (
        f"{where}An application load balancer does not carry ports {port_table.PROXY_SSH}, {port_table.TUNNEL} and "
        f"{port_table.KUBERNETES}. TELEPORT_PROXY_SERVER_LB names the network load balancer that does."
    )
