"""The part of a plan that needs only the conf: markers, environment, directories, secrets to fetch, units."""

from __future__ import annotations

from teleport_bootstrap import errors, paths, port_table, roles, unit_table
from teleport_bootstrap.conf import conf_file, decision, deployment, variables
from teleport_bootstrap.plan import plan_model, requirements, teleport_build


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
    secrets = _secrets(conf, decided)
    gates = _gates(decided, secrets)
    wanted = _wanted_files(decided, build, gates)
    unwanted = [
        path
        for path in (*roles.MARKER_PATHS, paths.LETSENCRYPT_MARKER, *unit_table.DROP_INS)
        if path not in {each.path for each in wanted}
    ]
    return plan_model.Activation(
        deployment=decided,
        files=tuple(wanted),
        absent=tuple(unwanted),
        directories=(
            plan_model.PlannedDirectory(paths.DATA, 0o700, place.user, place.group),
            plan_model.PlannedDirectory(paths.STATE, 0o700),
        ),
        secrets=secrets,
        units=_units(decided),
        gates=gates,
        notes=tuple(_notes(conf, decided, build)),
    )


def _check_build(conf: conf_file.Conf, build: teleport_build.TeleportBuild) -> None:
    if build.major < teleport_build.OLDEST_SUPPORTED:
        raise errors.TeleportUnsupported(
            f"Teleport {build.version} is too old: this agent writes configuration for "
            f"{teleport_build.OLDEST_SUPPORTED} and newer",
            hint="Install a newer Teleport; move one major version at a time.",
        )
    licensed = conf.value(variables.TELEPORT_LICENSE_PATH) and decision.role(conf).runs_auth
    if licensed and build.edition == teleport_build.COMMUNITY:
        raise errors.TeleportUnsupported(
            f"TELEPORT_LICENSE_PATH at {conf.path}:{conf.line(variables.TELEPORT_LICENSE_PATH)} asks for a "
            f"license, but the installed Teleport {build.version} is the community edition, which takes none",
            hint="Install Teleport Enterprise, or remove TELEPORT_LICENSE_PATH.",
        )


def _wanted_files(
    decided: deployment.Deployment, build: teleport_build.TeleportBuild, gates: tuple[str, ...]
) -> list[plan_model.PlannedFile]:
    place = decided.place
    flags = [
        *(["--fips"] if build.fips else []),
        *(["--insecure-no-tls"] if decided.plain_http else []),
    ]
    files = [
        plan_model.PlannedFile(paths.UNIT_ENVIRONMENT, f"TELEPORT_START_FLAGS={' '.join(flags)}\n", 0o600),
        plan_model.PlannedFile(place.marker_path, f"{place.marker}\n", 0o644),
    ]
    if decided.letsencrypt:
        files.append(plan_model.PlannedFile(paths.LETSENCRYPT_MARKER, "use-letsencrypt\n", 0o644))
    if gates:
        files.append(plan_model.PlannedFile(unit_table.drop_in(place.unit), _conditions(gates), 0o644))
    return files


def _gates(decided: deployment.Deployment, secrets: tuple[plan_model.SecretFile, ...]) -> tuple[str, ...]:
    """Return the files that may come later and without which Teleport would stop at once."""
    gates = [secret.path for secret in secrets if secret.may_be_pending]
    if decided.tls is deployment.Tls.LETSENCRYPT:
        gates += [paths.CERTIFICATE, paths.PRIVATE_KEY]
    return tuple(gates)


def _conditions(gates: tuple[str, ...]) -> str:
    """Return the drop-in that lets Teleport's unit wait for `gates`."""
    lines = [
        f"# Written by teleport-bootstrap from {paths.CONF}: Teleport would stop at once without these files,",
        "# so the unit waits, and what brings them starts it.",
        "[Unit]",
    ]
    for path in gates:
        if path == paths.TOKEN:
            # A host that has joined has its identity there, and needs the token no more: one of the two will do.
            lines += [f"ConditionPathExists=|{path}", f"ConditionPathExists=|{paths.IDENTITY}"]
        else:
            lines.append(f"ConditionPathExists={path}")
    return "\n".join(lines) + "\n"


def _secrets(conf: conf_file.Conf, decided: deployment.Deployment) -> tuple[plan_model.SecretFile, ...]:
    place = decided.place
    prefix = f"/teleport/{decided.cluster}"
    found = []
    if decided.role.runs_auth and conf.value(variables.TELEPORT_LICENSE_PATH):
        found.append(
            plan_model.SecretFile(paths.LICENSE, 0o600, place.user, place.group, parameter=f"{prefix}/license")
        )
    if decided.role is roles.Role.AGENT:
        if decided.join_method == "token":
            found.append(
                plan_model.SecretFile(
                    paths.TOKEN,
                    0o600,
                    place.user,
                    place.group,
                    variable=variables.TELEPORT_JOIN_TOKEN.name,
                )
            )
    elif decided.role.joins:
        if decided.join_method == "token":
            found.append(
                plan_model.SecretFile(
                    paths.TOKEN,
                    0o600,
                    place.user,
                    place.group,
                    parameter=f"{prefix}/tokens/{decided.role.value}",
                    may_be_pending=True,
                )
            )
        found.append(
            plan_model.SecretFile(
                paths.CA_PIN,
                0o644,
                place.user,
                place.group,
                parameter=f"{prefix}/ca-pin-hash",
                may_be_pending=True,
            )
        )
    return tuple(found)


def _units(decided: deployment.Deployment) -> plan_model.Units:
    timers = [unit.timer for unit in unit_table.TABLE if unit.is_needed(decided.role, letsencrypt=decided.letsencrypt)]
    wanted = (decided.place.unit, *timers)
    others = unit_table.CERTBOTS_TIMERS if decided.letsencrypt and decided.role.runs_auth else ()
    every = (*unit_table.TELEPORT_SERVICES, *unit_table.TIMERS, *others)
    unwanted = tuple(unit for unit in every if unit not in wanted)
    return plan_model.Units(enable=wanted, disable=unwanted, start=wanted, stop=unwanted)


def _notes(conf: conf_file.Conf, decided: deployment.Deployment, build: teleport_build.TeleportBuild) -> list[str]:
    notes = []
    if build.assumed:
        notes.append(
            f"No Teleport binary said which version it is; the document is for Teleport {build.major}. "
            "--teleport-version names another."
        )
    if decided.acm and not decided.tls_routing and not _names_balancer(conf):
        notes.append(
            f"An application load balancer does not carry ports {port_table.PROXY_SSH}, {port_table.TUNNEL} and "
            f"{port_table.KUBERNETES}. "
            "TELEPORT_PROXY_SERVER_LB names the network load balancer that does."
        )
    if decided.acm and build.major < 14:
        notes.append(
            f"Teleport {build.version} does not know trust_x_forwarded_for; it logs the load balancer's address."
        )
    return notes


def _names_balancer(conf: conf_file.Conf) -> bool:
    balancer = conf.value(variables.TELEPORT_PROXY_SERVER_LB)
    return balancer is not None or conf.value(variables.TELEPORT_PROXY_SERVER_NLB_ALIAS) is not None
