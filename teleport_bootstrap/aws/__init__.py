"""AWS, called with the credentials of the instance role; every service is reached from `account.Aws`."""
