"""Input made up by hypothesis for every SQL function and every command: a clear error or success, nothing between.

`python -m tests.fuzz` runs it for as long as one likes.
"""
