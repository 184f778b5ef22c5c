"""The application behind nginx."""

from tests.api.conftest import api_role as api_role
from tests.api.conftest import new_person as new_person
from tests.api.conftest import owner_conn as owner_conn
from tests.api.conftest import person as person
from tests.api.conftest import world as world
from tests.ops.conftest import program as program
