"""The options of an interface: read by the schema of its driver, complaints in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gateway.config.mistakes import problem
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from gateway.abc import Driver


def read_options(driver: type[Driver], options: Mapping[str, Any]) -> BaseModel:
    """Make the driver's options of what the configuration says.

    Raises:
        ConfigError: all mistakes, each with the option's name; for an unknown option the nearest known one.
    """
    schema = driver.options
    try:
        return schema.model_validate(dict(options))
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise ConfigError(
            [f"{'.'.join(map(str, detail['loc'])) or 'options'}: {problem(detail, schema)}" for detail in found]
        ) from error
