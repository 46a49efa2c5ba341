"""The commands: parsing of arguments, printing, exit statuses. Nothing else in the project decides those."""
