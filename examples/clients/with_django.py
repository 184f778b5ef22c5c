"""Register a channel and read its broadcast_id, with the Django ORM.

In a project of yours the settings lie in settings.py and the models in an app's models.py.
"""

import os
import uuid
from decimal import Decimal

import django
from django.conf import settings
from django.db import models, transaction
from psycopg.conninfo import conninfo_to_dict

database = conninfo_to_dict(os.environ["DATABASE_URL"])
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database.pop("dbname"),
            "OPTIONS": database,
        }
    }
)
django.setup()


class User(models.Model):
    user_id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = models.CharField(max_length=50, unique=True)
    email = models.CharField(max_length=255, unique=True)
    password_hash = models.CharField(max_length=255)

    class Meta:
        # Django's migrations leave the table alone.
        managed = False
        app_label = "channels"
        db_table = "registered_users"


class Channel(models.Model):
    open_channel_id = models.CharField(max_length=14)
    open_channel_title = models.CharField(max_length=30)
    open_channel_description = models.CharField(max_length=140)
    closed_channel_id = models.CharField(max_length=14)
    closed_channel_title = models.CharField(max_length=30)
    closed_channel_description = models.CharField(max_length=140)
    closed_channel_donation_message = models.CharField(max_length=256)
    sub_1_price = models.DecimalField(max_digits=10, decimal_places=2)
    sub_1_time = models.SmallIntegerField()
    client_wallet_address = models.CharField(max_length=95)
    client_payout_currency = models.CharField(max_length=8)
    client_payout_network = models.CharField(max_length=8)
    # The database cascades by itself.
    client = models.ForeignKey(User, models.DO_NOTHING)

    class Meta:
        managed = False
        app_label = "channels"
        db_table = "main_clients_database"


class Broadcast(models.Model):
    id = models.UUIDField(primary_key=True)
    open_channel_id = models.TextField()
    closed_channel_id = models.TextField()
    client = models.ForeignKey(User, models.DO_NOTHING)

    class Meta:
        managed = False
        app_label = "channels"
        db_table = "broadcast_manager"


with transaction.atomic():
    channel = Channel.objects.create(
        # "!" is a hash that no password has.
        client=User.objects.create(username="example_django", email="django@example.org", password_hash="!"),
        open_channel_id="-1003423605981",
        open_channel_title="County cricket",
        open_channel_description="Pitch reports at ten.",
        closed_channel_id="-1003438870453",
        closed_channel_title="County cricket, inside",
        closed_channel_description="First-innings lines, before the toss.",
        closed_channel_donation_message="For the tea interval.",
        sub_1_price=Decimal("3.50"),
        sub_1_time=7,
        client_wallet_address="0x18F2c60aD97b34E5f8A1d0C6b7e93542aBd8F0c7",
        client_payout_currency="ETH",
        client_payout_network="ETH",
    )
    broadcast = Broadcast.objects.get(
        open_channel_id=channel.open_channel_id, closed_channel_id=channel.closed_channel_id
    )

print(f"broadcast_id: {broadcast.id}")
