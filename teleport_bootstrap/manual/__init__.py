"""Manual pages, shell completion and the list of errors, generated from the declarations in the program."""
