"""What each wheel holds, and that an installed busgate finds its files."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))


def wheel_of(project, target):
    """Build a wheel with the backend that is installed already, and return the names in it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", target],
        cwd=project,
        check=True,
        capture_output=True,
    )
    (wheel,) = target.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def tops(names):
    return {name.split("/")[0] for name in names if ".dist-info/" not in name}


def test_the_host_wheel_holds_the_gateway_and_the_simulator_alone(tmp_path):
    names = wheel_of(ROOT, tmp_path)
    assert tops(names) == {"gateway", "hwsim"}
    assert {"hwsim/pytest_plugin.py", "gateway/testing/fixtures.py"} <= set(names)
    assert {"gateway/py.typed", "hwsim/py.typed", "hwsim/LIMITS.md"} <= set(names)
    assert {"gateway/config_files/demo.toml", "gateway/config_files/gateway.toml"} <= set(names)
    assert any(name.endswith(".sql") for name in names)
    assert not [name for name in names if Path(name).name.startswith("test_")]


@pytest.mark.parametrize("project", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_wheel_holds_its_package_alone(project, tmp_path):
    names = wheel_of(project, tmp_path)
    package = f"busgate_{project.name}"
    assert tops(names) == {package}
    assert f"{package}/py.typed" in names
