"""Where archives are kept: a directory of this host, or a bucket in S3.

`destination` reads what the command line says, and opens the store; `store` is what every store can do; `names` is what
archives are called. None of these knows what is in an archive.
"""
