"""Tests of the offline store, over SQLite and files."""
