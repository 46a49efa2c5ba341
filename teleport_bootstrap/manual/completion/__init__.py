"""Completion for bash, zsh and fish, each from the same tree of commands."""
