"""The mask of secrets: never fails, hides a password wherever the text around it puts it, and keeps every line."""

from __future__ import annotations

from teleport_bootstrap.plan import secret_mask, yaml_reading
from tests.fuzz.oracle import PLANTED, holds, same, secretless

LONGEST = 512
GUIDED_BY = ("yaml",)
LINES = (
    f"auth_token: {PLANTED}",
    f"join_params: {{method: token, token_name: {PLANTED}}}",
    f'password: "{PLANTED}"',
    f"uri: postgres://user:{PLANTED}@db.example.com:5432/x",
    f"headers: {{Authorization: 'Bearer {PLANTED}'}}",
    f"# password: {PLANTED}",
)


def check(data: bytes) -> None:
    """Mask the text as it is, and with a line of its own that holds a secret in the place of the first null byte."""
    text = data.decode("utf-8", "replace")
    _covers(text.replace("\0", ""))
    before, _, after = text.partition("\0")
    line = LINES[len(data) % len(LINES)]
    whole = f"{before}\n{line}\n{after}"
    if yaml_reading.read(f"{before}\n").problems or yaml_reading.read(f"{after}\n").problems:
        return  # what is around it may continue on its line, or take it for a part of a text
    for shown in (secret_mask.masked(whole), secret_mask.masked(whole, as_yaml=True)):
        secretless(shown)
    secretless(secret_mask.in_message(f"it says {whole}", secret_mask.secrets_in(whole)))


def _covers(text: str) -> None:
    shown = secret_mask.masked(text)
    secret_mask.secrets_in(text)
    secret_mask.masked(shown)
    strict = yaml_reading.read(text)
    if strict.problems or strict.root is None:
        return
    value = strict.root.plain
    covered = secret_mask.document(value)
    same(type(covered), type(value) if isinstance(value, (dict, list)) else type(covered))
    for secret in secret_mask.secrets_of(value):
        holds(secret.strip("*"), secret)
