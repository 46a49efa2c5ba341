"""Backups: what goes in, the archive itself, where archives are kept.

The archive's own parts: `archive` says what goes in and comes out of `pack`, `verify` and `unpack`; `container` is the
outermost layer (independently compressed blocks and the seal), `tar_writing` and `tar_reading` are the tar inside it,
`manifest` is what the archive says about its members. None of these knows Teleport, a store or a terminal.
"""
