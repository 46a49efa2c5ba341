"""What every command prints with --format json, as JSON schemas: docs/answers.schema.json is made from them."""
