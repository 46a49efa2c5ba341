"""Manual pages, shell completion and the list of errors, made from what the program itself declares."""
