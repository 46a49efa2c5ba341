"""The rules that a document has to keep, one theme a module: a context in, findings out. See `plan.document_checks`."""
