"""The page for authors of jobs: its project is tested as it stands there, to the letter."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "testing-your-jobs.md").read_text()
FILES = dict(re.findall(r"^```(?:python|toml) (\S+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL))


@pytest.fixture
def project(tmp_path):
    """An empty directory with the files of the page."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_text(content)
    return folder


def outcome_of(folder, *options, python=sys.executable, **environ):
    """Run its tests; return what pytest prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BUSGATE", "PYTEST", "PYTHON"))}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, env=kept | environ, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_project_is_twenty_lines():
    assert len([line for line in FILES["test_poll.py"].splitlines() if line.strip()]) <= 20


def test_the_projects_pass(project):
    assert re.search(r"^15 passed", outcome_of(project), flags=re.MULTILINE)


@pytest.mark.soak
def test_they_pass_with_the_wheels_in_a_venv_of_their_own(project, tmp_path):
    """With what pip gets from PyPI besides."""
    wheels, venv = tmp_path / "wheels", tmp_path / "venv"
    for source in (ROOT, ROOT / "plugins" / "onewire"):
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels]
        subprocess.run(build, cwd=source, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    built = sorted(str(wheel) for wheel in wheels.glob("*.whl"))
    install = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", *built, "pytest", "trio", "pytest-xdist"]
    subprocess.run(install, check=True)
    first = outcome_of(project, "test_poll.py", python=venv / "bin" / "python")
    assert re.search(r"^1 passed", first, flags=re.MULTILINE)
    assert re.search(r"^15 passed", outcome_of(project, "-n", "4", python=venv / "bin" / "python"), flags=re.MULTILINE)
