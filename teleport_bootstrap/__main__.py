"""`python3 -m teleport_bootstrap` is the same as the `teleport-bootstrap` command."""

import teleport_bootstrap.cli.main as command

if __name__ == "__main__":
    command.main()
