"""Read user-data before it is launched: find the conf that it will write, without running anything of it."""
