"""Backends of the store contract; ``open_store`` chooses one by its URL."""

from gateway.store.options import StoreOptions
from gateway.store.urls import open_store

__all__ = ["StoreOptions", "open_store"]
