"""The roles that processes connect as, and the statements that make them, from sql/roles."""

from pyapi.project_file import project_file

_LOAD = "\\ir roles/broadcast_"


def role_names() -> list[str]:
    """The names of all roles, in the order in which sql/load.sql makes them."""
    lines = project_file("sql/load.sql").read_text(encoding="utf-8").splitlines()
    return [line.split("/")[1].removesuffix(".sql") for line in lines if line.startswith(_LOAD)]


def roles_script() -> str:
    """What makes the roles that are missing, and leaves each what it needs and others nothing, for psql."""
    files = ["nobody_else", *role_names()]
    scripts = [project_file(f"sql/roles/{file}.sql").read_text(encoding="utf-8") for file in files]
    # In one transaction: no process is without its rights for a moment.
    return "\n".join(["\\set ON_ERROR_STOP on\nBEGIN;\n", *scripts, "COMMIT;\n"])
