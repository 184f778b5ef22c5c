"""The fixtures of the API and of deliveries."""

from tests.api.conftest import anonymous as anonymous
from tests.api.conftest import api_role as api_role
from tests.api.conftest import base_url as base_url
from tests.api.conftest import new_person as new_person
from tests.api.conftest import owner_conn as owner_conn
from tests.api.conftest import person as person
from tests.api.conftest import world as world
from tests.delivery.conftest import client as client
from tests.delivery.conftest import conn as conn
from tests.delivery.conftest import settings as settings
from tests.delivery.conftest import start_worker as start_worker
from tests.delivery.conftest import telegram as telegram
from tests.delivery.conftest import worker_role as worker_role
from tests.delivery.conftest import worker_url as worker_url
