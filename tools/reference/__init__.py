"""Writes docs/reference/ from what the database, the command line, the settings and the API say of themselves."""
