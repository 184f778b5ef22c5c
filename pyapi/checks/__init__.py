"""Finds what breaks the rule, and puts right what is missing."""
