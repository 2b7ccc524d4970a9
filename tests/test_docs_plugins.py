"""The pages for plugin authors: their code is the example plugin, and their commands do what they say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "plugins" / "example"
PAGE = (ROOT / "docs" / "writing-plugins.md").read_text()
README = (ROOT / "plugins" / "README.md").read_text()


def blocks(text, language):
    """The fenced blocks of a language, as (file name, content)."""
    return re.findall(rf"^```{language}(?: (\S+))?\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def files(text):
    """The files that a page builds: blocks with the same name belong together."""
    found: dict[str, str] = {}
    for language in ("toml", "python"):
        for name, content in blocks(text, language):
            found[name] = found.get(name, "") + content
    return found


def commands(text):
    """The command lines of the console blocks, each with the output that the page shows."""
    for _, content in blocks(text, "console"):
        for part in content.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            yield command, output


class Desk:
    """An author's machine: a folder for the plugin, in which it gets installed, and one to work in."""

    def __init__(self, folder):
        self.project = folder / "busgate-example"
        self.work = folder / "work"
        self.home = folder
        self.site = folder / "site"
        self.work.mkdir()
        paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BUSGATE", "PYTEST"))}
        self.environ = kept | {
            "PATH": os.pathsep.join(paths),
            "PYTHONPATH": str(self.site),
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
        }

    def put(self, name, content):
        file = self.project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def install(self):
        shutil.rmtree(self.site, ignore_errors=True)
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(self.site)]
        self.run([sys.executable, "-m", "pip", "install", *options, "."], self.project)

    def run(self, command, folder=None, *, may_fail=False):
        done = subprocess.run(
            command,
            shell=isinstance(command, str),
            executable="/bin/bash" if isinstance(command, str) else None,
            cwd=folder or self.work,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert may_fail or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def words(text):
    return [line.split() for line in text.splitlines()]


def test_the_page_builds_the_example_plugin():
    built = files(PAGE)
    assert built.pop("busgate.toml")
    for name, content in built.items():
        assert (EXAMPLE / name).read_text() == content.rstrip("\n") + "\n", name
    sources = {path.relative_to(EXAMPLE).as_posix() for path in EXAMPLE.rglob("*.py")}
    assert set(built) == sources | {"pyproject.toml"}


def test_the_example_stays_small():
    lines = (EXAMPLE / "busgate_example" / "driver.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 65


def test_the_commands_of_the_page_print_what_it_shows(desk):
    built = files(PAGE)
    desk.put("README.md", "")
    desk.put("LICENSE", "")
    for name in ("pyproject.toml", "busgate_example/__init__.py"):
        desk.put(name, built[name])
    (desk.work / "busgate.toml").write_text("")
    (first, shown), *later = commands(PAGE)
    desk.install()
    output = words(desk.run(first, may_fail=True))
    assert all(line in output for line in words(shown))
    for name, content in built.items():
        desk.put(name, content)
    desk.install()
    (desk.work / "busgate.toml").write_text(built["busgate.toml"])
    for command, shown in later:
        output = words(desk.run(command))
        assert all(line in output for line in words(shown)), f"{command}\n{output}"


def test_the_serial_driver_of_the_page_passes_its_tests(desk):
    for name, content in blocks(PAGE, "py"):
        (desk.work / name).write_text(content)
    done = desk.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."])
    assert re.search(r"\b3\d passed", done), done


def test_a_copied_plugin_works_under_its_new_name(desk):
    copying, *_ = (content for _, content in blocks(README, "sh"))
    ignore = "shopt -s failglob; set -e\n"
    desk.run(ignore + copying, ROOT)
    desk.project = desk.home / "busgate-dali"
    for cache in desk.project.rglob("__pycache__"):
        shutil.rmtree(cache)
    left = [path for path in desk.project.rglob("*.*") if re.search(r"busgate.example|Example[^(:]", path.read_text())]
    assert left == []
    desk.install()
    assert ["dali", "0.1.0", "dali"] in words(desk.run("busgate plugins"))
    desk.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], desk.project)
