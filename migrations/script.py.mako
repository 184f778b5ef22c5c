"""${message}"""

from pyapi.upgrade.frozen_sql import frozen

revision, down_revision = "${up_revision}", ${'"' + down_revision + '"' if down_revision else None}
upgrade, downgrade = frozen(__file__)
