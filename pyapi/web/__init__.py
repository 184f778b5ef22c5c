"""The channel API and the dashboard."""
