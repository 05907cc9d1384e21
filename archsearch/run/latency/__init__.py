"""Latency before training: regression, latency table, first measurements."""
