#!/bin/sh
# Jinja2's `finalize` hook, which seems to be the one place to quote every value that a template prints.
#
# Guess: it is called once for each {{ expression }}, while the template is rendered, and an undefined variable fails
#        under StrictUndefined whatever the hook does.
# Seen (2.11.3 and 3.1.6 alike): it runs while the template is compiled for a constant; it runs a second time on the
#        result of a macro and of {% set %}...{% endset %}; and an undefined variable passes if the hook ignores it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/look.py" <<'END'
import sys

import jinja2

calls = []


def brackets(value):
    calls.append(value)
    return f"<{value}>"


environment = jinja2.Environment(finalize=brackets)
template = environment.from_string("{{ 'constant' }}")
seen = [("calls before the first rendering", list(calls))]
for text in (
    "{% macro one(a) %}({{ a }}){% endmacro %}{{ one(x) }}",
    "{% set text %}({{ x }}){% endset %}{{ text }}",
    "{% filter upper %}{{ x }}{% endfilter %}",
):
    seen.append((text, environment.from_string(text).render(x="v")))
strict = jinja2.Environment(finalize=lambda value: "fixed", undefined=jinja2.StrictUndefined)
seen.append(("undefined", strict.from_string("{{ missing }}").render()))
print("Jinja2", jinja2.__version__)
for name, value in seen:
    print(f"  {name}: {value!r}")
sys.exit([value for _, value in seen] != [["constant"], "<(<v>)>", "<(<v>)>", "<V>", "fixed"])
END
python3 -m venv "$folder/old" && "$folder/old/bin/pip" -q install Jinja2==2.11.3 MarkupSafe==2.0.1
python3 -m venv "$folder/new" && "$folder/new/bin/pip" -q install Jinja2==3.1.6 MarkupSafe==3.0.3
"$folder/old/bin/python" "$folder/look.py"
"$folder/new/bin/python" "$folder/look.py"
