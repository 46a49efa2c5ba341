"""What goes to whoever helps: a bundle of facts about this host, without its secrets."""
