"""Check what stands around this instance, and whether it fits what the conf asks for; each check is one file."""
