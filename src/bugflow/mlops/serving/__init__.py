"""Asking the models in use, without ever waiting for them long."""
