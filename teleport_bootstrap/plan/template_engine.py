"""Jinja2 as the templates of this program need it: strict, in a sandbox, and with a hook for each expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jinja2
import jinja2.sandbox

from teleport_bootstrap.hints import Any


def environment(
    templates: str, finalize: Callable[[Any], str], tests: Mapping[str, Callable[[Any], bool]]
) -> jinja2.Environment:
    """Return an environment for the directory `templates`.

    `finalize` is called for the result of every expression, after all filters: there is none to forget.
    """
    made = jinja2.sandbox.ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        # What comes out is YAML, not HTML, and is proved by `yaml_text.faithful`.
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.tests.update(tests)
    return made
