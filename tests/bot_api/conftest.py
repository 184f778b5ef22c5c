"""A database and a worker's settings, for what the worker makes of the fake's answers."""

from tests.delivery.conftest import conn as conn
from tests.delivery.conftest import settings as settings
from tests.delivery.conftest import telegram as telegram
from tests.delivery.conftest import worker_role as worker_role
from tests.delivery.conftest import worker_url as worker_url
