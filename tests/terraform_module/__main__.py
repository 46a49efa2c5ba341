"""`./dev infrastructure`: scan the Terraform modules with checkov, and renew what is made from their variables."""

from __future__ import annotations

import argparse
import sys

from tests.terraform_module import documents, scan

parser = argparse.ArgumentParser(prog="./dev infrastructure", description="Scan the Terraform modules with checkov.")
parser.add_argument("program", help=argparse.SUPPRESS)
parser.add_argument("--write", action="store_true", help="renew the tables of the README, and the examples, before")
arguments = parser.parse_args()
if arguments.write:
    documents.write()
found = list(scan.scan(arguments.program))
problems = list(scan.judge(found))
for each in problems:
    print(each)
print(f"{len(found)} checks fail, {len(scan.EXCEPTIONS)} exceptions are argued, {len(problems)} problems")
sys.exit(bool(problems))
