"""What `alembic upgrade head` runs: each revision has its own frozen pair of SQL files in versions/."""
