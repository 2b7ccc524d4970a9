"""docs/hooks.md is what the hook specifications say."""

import inspect
from pathlib import Path

import pytest

from gateway.hooks_page import hooks, hooks_page

PAGE = Path(__file__).parents[1] / "docs" / "hooks.md"


def test_the_page_is_made_from_the_specifications():
    assert PAGE.read_text() == hooks_page(), "run `make docs`"


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook.__name__)
def test_each_hook_says_when_it_is_called_and_what_it_gives(hook):
    assert hook.__annotations__["return"]
    text = inspect.getdoc(hook) or ""
    for section in ("Called:", "Returns:", "Raises:"):
        assert f"\n{section}\n" in text
    for argument in inspect.signature(hook).parameters:
        assert f"{argument}:" in text
