"""Four clients, each registering channels in its own way. None of them knows of broadcast rows."""

import os
import subprocess
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy.ext.declarative import DeferredReflection
from sqlalchemy.orm import DeclarativeBase, Session

from pyapi import Channel, insert_channel, read_broadcast_id, sqlalchemy_url

from .errors import DemoError

PIOTR = UUID("5c82d6f1-e07b-49a3-8c4e-f2913b6a5d70")
YUKI = UUID("2b9e7a40-16cd-4f0a-8e35-c1d4907f62ab")
SOFIA = UUID("6e94b05a-3c7d-4d12-9f8b-a6e0d47c1b25")
TOM = UUID("a4f85b27-0e1c-4836-9dc5-e378d16b2f94")

BY_PSQL = Channel(
    open_channel_id="-1003411872056",
    open_channel_title="Kryptopodatki po ludzku",
    open_channel_description="PIT-38 bez bólu głowy: jedno pytanie, jedna odpowiedź.",
    closed_channel_id="-1003426650913",
    closed_channel_title="Kryptopodatki: dyżur",
    closed_channel_description="Doradca odpowiada na żywo we wtorki o 19:00.",
    closed_channel_donation_message="Urząd swoje dostał, a my?",
    sub_1_price=Decimal("17.00"),
    sub_1_time=30,
    client_wallet_address="0x18F2c60aD97b34E5f8A1d0C6b7e93542aBd8F0c7",
    client_payout_currency="ETH",
    client_payout_network="ETH",
    client_id=PIOTR,
)

BY_PSYCOPG = Channel(
    open_channel_id="-1003415540378",
    open_channel_title="週末の暗号資産",
    open_channel_description="土曜の朝に一週間の値動きを振り返ります。",
    closed_channel_id="-1003430098127",
    closed_channel_title="週末の暗号資産・会員",
    closed_channel_description="ポジションと理由、質問会は毎月第一日曜日。",
    closed_channel_donation_message="いつも読んでくださってありがとうございます。",
    sub_1_price=Decimal("6.50"),
    sub_1_time=30,
    sub_2_price=Decimal("17.00"),
    sub_2_time=90,
    client_wallet_address="TQn4vXcR7mJd2KbWf8sYhGa5ZpLe3uTo9N",
    client_payout_currency="TRX",
    client_payout_network="TRX",
    client_id=YUKI,
)

BY_ORM = Channel(
    open_channel_id="-1003418209664",
    open_channel_title="Azulejos & Histórias",
    open_channel_description="Um painel por semana, da fábrica à fachada.",
    closed_channel_id="-1003433471502",
    closed_channel_title="Azulejos: a oficina",
    closed_channel_description="Desenho, vidrado e forno, com peças para fazer em casa.",
    closed_channel_donation_message="Para o próximo forno. Obrigada!",
    sub_1_price=Decimal("11.00"),
    sub_1_time=30,
    client_wallet_address="0x7bD41eC0a853f6B92d7E0F4c1A6b98352Ce0d4F9",
    client_payout_currency="USDC",
    client_payout_network="MATIC",
    client_id=SOFIA,
)

BY_COPY = [
    Channel(
        open_channel_id=open_id,
        open_channel_title=title,
        open_channel_description=description,
        closed_channel_id=closed_id,
        closed_channel_title=f"{title}: members",
        closed_channel_description="The full card with prices we took.",
        closed_channel_donation_message="Stand us a pint?",
        sub_1_price=price,
        sub_1_time=7,
        client_wallet_address="bc1q5x7n0c2v4m6t8r1y3e5w7p9s2d4f6g8h0j3k5l",
        client_payout_currency="BTC",
        client_payout_network="BTC",
        client_id=TOM,
    )
    for open_id, closed_id, title, price, description in (
        (
            *("-1003420017345", "-1003436602288", "Greyhounds Tonight", Decimal("5.00")),
            "Two traps a night, before the first race.",
        ),
        (
            *("-1003421893720", "-1003437754016", "Snooker Sharp", Decimal("4.00")),
            "Century prices and frame handicaps.",
        ),
        (
            *("-1003423605981", "-1003438870453", "County Cricket", Decimal("3.50")),
            "Pitch reports at ten, first-innings lines.",
        ),
    )
]


class Base(DeclarativeBase):
    """Base of the ORM's classes."""


class ChannelRow(DeferredReflection, Base):
    """A channel as an application of 2025 maps it: the columns come from the database."""

    __tablename__ = "main_clients_database"


def register_by_psql(psql: Path, url: str) -> list[tuple[Channel, UUID]]:
    """Register a channel in a psql script.

    Raises:
        DemoError: psql failed; the message is what it said.
    """
    columns = _columns(BY_PSQL)
    # As lines of the script, because arguments depend on the machine's locale.
    values = "".join(f"\\set {name} {_quoted(value)}\n" for name, value in columns.items())
    script = (
        "BEGIN;\n"
        f"INSERT INTO main_clients_database ({', '.join(columns)})\n"
        f"VALUES ({', '.join(f':{name!r}' for name in columns)});\n"
        "SELECT id FROM broadcast_manager\n"
        "WHERE open_channel_id = :'open_channel_id' AND closed_channel_id = :'closed_channel_id';\n"
        "COMMIT;\n"
    )
    parameters = conninfo_to_dict(url)
    # On the command line everybody on the machine could read it.
    password = parameters.pop("password", None)
    environment = {**os.environ, "PGCLIENTENCODING": "UTF8"}
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    done = subprocess.run(  # noqa: S603
        [
            *(psql, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
            *("--variable=ON_ERROR_STOP=1", "--dbname"),
            make_conninfo("", **parameters),
        ],
        input=values + script,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"psql failed: {done.stderr.strip()}")
    return [(BY_PSQL, UUID(done.stdout.strip()))]


def register_by_psycopg(url: str) -> list[tuple[Channel, UUID]]:
    """Register a channel with psycopg, by the thin layer: INSERT and read-back in one round trip."""
    with psycopg.connect(url) as conn:
        return [(BY_PSYCOPG, insert_channel(conn, BY_PSYCOPG))]


def register_by_orm(url: str) -> list[tuple[Channel, UUID]]:
    """Register a channel as an object of the SQLAlchemy ORM."""
    engine = sqlalchemy.create_engine(sqlalchemy_url(url))
    try:
        ChannelRow.prepare(engine)
        with Session(engine) as session, session.begin():
            session.add(ChannelRow(**_columns(BY_ORM)))
            session.flush()
            broadcast_id = read_broadcast_id(session, *_pair(BY_ORM))
    finally:
        engine.dispose()
    return [(BY_ORM, broadcast_id)]


def register_by_copy(url: str) -> list[tuple[Channel, UUID]]:
    """Register several channels with one COPY."""
    columns = list(_columns(BY_COPY[0]))
    copy = psycopg.sql.SQL("COPY main_clients_database ({}) FROM STDIN").format(
        psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
    )
    with psycopg.connect(url) as conn:
        with conn.cursor() as cursor, cursor.copy(copy) as rows:
            for channel in BY_COPY:
                rows.write_row(list(_columns(channel).values()))
        return [(channel, read_broadcast_id(conn, *_pair(channel))) for channel in BY_COPY]


def _quoted(value: object) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _columns(channel: Channel) -> dict[str, object]:
    return {name: value for name, value in asdict(channel).items() if value is not None}


def _pair(channel: Channel) -> tuple[str, str]:
    return channel.open_channel_id, channel.closed_channel_id
