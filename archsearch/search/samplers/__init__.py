"""Samplers: what to evaluate next."""
