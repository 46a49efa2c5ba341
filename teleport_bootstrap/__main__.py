"""`python3 -m teleport_bootstrap` is the same as the `teleport-bootstrap` command."""

from teleport_bootstrap.cli import entry

if __name__ == "__main__":
    entry.main()
