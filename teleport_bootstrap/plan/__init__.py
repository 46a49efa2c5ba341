"""Conf, instance facts and Teleport build in; a Plan out. No module here does any input or output."""
