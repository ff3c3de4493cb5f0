"""Restorers without weights."""
