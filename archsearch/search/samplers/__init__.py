"""Samplers propose the next configuration."""
