"""Tests with a real Spark; they run in an environment that has it."""
