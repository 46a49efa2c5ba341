"""Pictures of docs/deploy.md: who connects to whom, drawn from a text with names of ports."""
