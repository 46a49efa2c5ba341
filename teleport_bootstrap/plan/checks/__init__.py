"""The rules that a document has to keep, one theme a module: a context in, findings out.

`teleport configure --test` knows each key and its type, and runs before anything is written. It does not know which
keys exclude or need each other, nor addresses, versions and ports. These modules judge that, and only where the rule is
certain. Teleport does not check disabled sections, and neither do they.
"""
