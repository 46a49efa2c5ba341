"""The values of the secrets that a plan names, from the conf and from SSM."""

from __future__ import annotations

from collections.abc import Iterable

from teleport_bootstrap import errors, log, paths
from teleport_bootstrap.aws import endpoints
from teleport_bootstrap.change import needed_files
from teleport_bootstrap.conf import conf_file, kinds, variables
from teleport_bootstrap.ec2 import credentials
from teleport_bootstrap.host import tctl
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret

logger = log.Logger(__name__)


@dataclass(frozen=True)
class Fetched:
    """The values that were found, by the path of their file, and a note for each that was not.

    `refused` are the errors about values that cannot be what they should be, and for which Teleport's unit can wait.
    """

    values: dict[str, Secret]
    notes: tuple[str, ...] = ()
    refused: tuple[errors.BootstrapError, ...] = ()


def from_conf(wanted: tuple[plan_model.SecretFile, ...], conf: conf_file.Conf) -> dict[str, Secret]:
    """Return the secrets that the conf itself holds, by path."""
    token = conf.value(variables.TELEPORT_JOIN_TOKEN)
    return {each.path: _line(token) for each in wanted if each.variable is not None and token is not None}


def fetch_or_keep(wanted: tuple[plan_model.SecretFile, ...], region: str, fips: bool, doors: gather.Doors) -> Fetched:
    """Return what `fetch` returns; where AWS fails, nothing but a note: the files of the last success are kept.

    Raises what `fetch` raises where a file is missing that Teleport's unit does not wait for.
    """
    try:
        return fetch(wanted, region, fips, doors)
    except errors.BootstrapError as error:
        if not all(
            each.may_be_pending or needed_files.is_present(doors.root, each.path) for each in wanted if each.parameter
        ):
            raise
        return Fetched({}, (f"could not fetch from SSM; keeping the existing files: {error.message}. {error.hint}",))


def fetch(wanted: tuple[plan_model.SecretFile, ...], region: str, fips: bool, doors: gather.Doors) -> Fetched:
    """Return the content of those files in `wanted` whose values are in SSM, from one call for each region.

    A parameter that Teleport's unit can wait for may be missing or hold something else, with a note: it does not keep
    the others back. Raises what ParameterStore.fetch and `gather.aws` raise, and ParameterInvalid where another
    parameter does not hold what it should.
    """
    parameters = {each.parameter: each for each in wanted if each.parameter is not None}
    if not parameters:
        return Fetched({})
    optional = [name for name, each in parameters.items() if each.may_be_pending]
    values: dict[str, Secret] = {}
    refused: list[errors.BootstrapError] = []
    found: set[str] = set()
    for place, names in _by_region(parameters, region, doors).items():
        logger.info("fetching from SSM in %s: %s", place, ", ".join(names))
        store = gather.aws(doors, region=place, fips=fips).ssm
        for name, secret in store.fetch(names, optional=optional, may_be_empty=optional).items():
            found.add(name)
            try:
                if not secret.reveal().strip():
                    raise store.empty(name)
                values[parameters[name].path] = _content(parameters[name], secret, place)
            except (errors.ParameterEmpty, errors.ParameterInvalid) as error:
                if name not in optional:
                    raise
                refused.append(error)
    notes = [f"SSM parameter {name} has not been published yet" for name in parameters if name not in found]
    notes += [f"a value from SSM is not used, and what is here stays: {each.message}. {each.hint}" for each in refused]
    return Fetched(values, tuple(notes), tuple(refused))


def _by_region(names: Iterable[str], region: str, doors: gather.Doors) -> dict[str, list[str]]:
    """Return the parameters by the region that they are in: for an ARN its own, otherwise `region`.

    Raises ParameterInvalid for an ARN of another account or partition, whose parameters this instance does not take.
    """
    found: dict[str, list[str]] = {}
    mine = None
    for name in names:
        if not name.startswith("arn:"):
            found.setdefault(region, []).append(name)
            continue
        _, partition, _, place, account, _ = name.split(":", 5)
        mine = mine or credentials.account(gather.metadata_service(doors)) or account
        if account != mine or partition != endpoints.partition_of(region).name:
            raise errors.ParameterInvalid(
                f"SSM parameter {name} is not in the account {mine} of this instance, or not in its AWS partition",
                hint="Put the secret into a parameter of this account, and name that one in the conf.",
            )
        found.setdefault(place, []).append(name)
    return found


def _content(file: plan_model.SecretFile, secret: Secret, region: str) -> Secret:
    """Return what to write to `file`, whose parameter holds `secret`."""
    if secret.reveal().strip() in kinds.NOTHING:
        raise errors.ParameterInvalid(
            f"SSM parameter {file.parameter} in {region} holds a word that the AWS CLI and jq print for no value",
            hint="Store the value itself; whatever stored it there had none.",
        )
    if file.path != paths.CA_PIN:
        return _line(secret)
    found = tctl.pins_in(secret.reveal())
    if not found:
        raise errors.ParameterInvalid(
            f"SSM parameter {file.parameter} in {region} does not hold CA pins, one per line",
            hint="A pin is sha256: and 64 hexadecimal digits; `tctl status` on the auth server shows it.",
        )
    return Secret("".join(f"{pin}\n" for pin in found))


def _line(secret: Secret) -> Secret:
    """Return the secret with exactly one line end at its end; people store values with and without one."""
    return Secret(secret.reveal().strip() + "\n")
