"""Runs the migrations, and shows how far they are."""
