"""pytest fixtures for authors of plugins; loaded by pytest itself through the entry point."""

import pytest

# So that the failures of the suites show the values.
pytest.register_assert_rewrite("gateway.testing.store_suite", "gateway.testing.driver_suite")
