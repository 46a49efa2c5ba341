"""`./dev templates`: renew what is generated in the templates, and check them for every region that matters."""

from __future__ import annotations

import sys

from tests.templates import lint, policies, setups, tables

found = ""
for setup in setups.SETUPS:
    setup.path.write_text(policies.written_into(setup))
    found += lint.findings(setup.path, lint.REGIONS)
tables.PAGE.write_text(tables.written())
sys.stdout.write(found)
sys.exit(bool(found))
