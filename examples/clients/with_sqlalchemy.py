"""Register a channel and read its broadcast_id, with the SQLAlchemy ORM."""

import os
from decimal import Decimal

from sqlalchemy import create_engine, make_url, select
from sqlalchemy.ext.declarative import DeferredReflection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, relationship


class Base(DeclarativeBase):
    pass


# The columns are the database's: they are looked up by prepare().
class User(DeferredReflection, Base):
    __tablename__ = "registered_users"


class Channel(DeferredReflection, Base):
    __tablename__ = "main_clients_database"
    owner: Mapped[User] = relationship()


class Broadcast(DeferredReflection, Base):
    __tablename__ = "broadcast_manager"


engine = create_engine(make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg"))
DeferredReflection.prepare(engine)

# Leaving the block commits; an exception rolls back.
with Session(engine) as session, session.begin():
    channel = Channel(
        # "!" is a hash that no password has.
        owner=User(username="example_sqlalchemy", email="sqlalchemy@example.org", password_hash="!"),
        open_channel_id="-1003418209664",
        open_channel_title="Azulejos & Histórias",
        open_channel_description="Um painel por semana, da fábrica à fachada.",
        closed_channel_id="-1003433471502",
        closed_channel_title="Azulejos: a oficina",
        closed_channel_description="Desenho, vidrado e forno.",
        closed_channel_donation_message="Para o próximo forno. Obrigada!",
        sub_1_price=Decimal("11.00"),
        sub_1_time=30,
        client_wallet_address="0x7bD41eC0a853f6B92d7E0F4c1A6b98352Ce0d4F9",
        client_payout_currency="USDC",
        client_payout_network="MATIC",
    )
    session.add(channel)
    session.flush()
    broadcast = session.scalars(
        select(Broadcast).filter_by(
            open_channel_id=channel.open_channel_id, closed_channel_id=channel.closed_channel_id
        )
    ).one()
    print(f"broadcast_id: {broadcast.id}")
