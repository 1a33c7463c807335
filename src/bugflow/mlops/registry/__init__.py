"""Versions of learned models in the storage, which never change, and which of them is used."""
