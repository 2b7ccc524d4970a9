"""The driver suite passes a good driver, and rejects each broken one by the check that is meant for it."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

DRIVERS = Path(__file__).with_name("broken_drivers.py")

#: The check that must fail, and the words it must say.
REJECTED = {
    "Blocking": ("it_never_blocks_the_event_loop", "the event loop stood still for"),
    "Nan": ("a_read_gives_a_finite_number", "isfinite"),
    "Raising": ("a_missing_device_reads_as_absent", "NoSuchDevice"),
    "Lenient": ("an_unknown_attribute_is_refused", "DID NOT RAISE"),
    "Deaf": ("lost_hardware_is_noticed", "in vain for InterfaceDown after the hardware was unplugged"),
    "Forgetful": ("what_is_written_is_read_back", "assert 0.5 == 0.25"),
    "Headstrong": ("a_write_without_permit_is_not_made", "DID NOT RAISE"),
    "Late": ("a_write_without_permit_is_not_made", "assert 0.75 == 0.25"),
    "Hasty": ("a_write_asks_when_its_turn_has_come", "after asking for its permit"),
    "Boastful": ("a_write_declares_how_long_it_takes", "5.0 <= 0.5"),
    "Covering": ("a_write_without_permit_is_not_made", "BusFault: not written"),
    "Sulking": ("a_write_without_permit_is_not_made", "InterfaceDown: the cable is out"),
    "Unhealthy": ("its_health_is_plain_values", "CodecError"),
    "Spoilt": ("it_works_on_after_a_cancelled_call", "in vain for a"),
    "Shared": ("calls_can_be_concurrent", "working hardware gave"),
    "Leaking": ("closing_gives_everything_back", "file /dev/null'"),
    "Threading": ("closing_gives_everything_back", "thread Thread-#"),
    "Straying": ("closing_gives_everything_back", "'task "),
    "Once": ("it_opens_again_after_a_loss", "opening it again did not succeed within 0.5 s: InterfaceDown"),
    "Foreign": ("hardware_that_is_away_can_not_be_opened", "OSError"),
    "Careless": ("its_options_refuse_an_unknown_key", "DID NOT RAISE"),
    "Vague": ("its_options_name_what_is_wrong", "DID NOT RAISE"),
    "Nameless": ("it_can_be_registered", "whose name is 'Odd Name'"),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """For each driver, what each check said; empty when it passed."""
    report = tmp_path_factory.mktemp("suite") / "report.xml"
    checks = [f"{DRIVERS}::Test{driver}::test_{check}" for driver, (check, _) in REJECTED.items()]
    options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"{DRIVERS}::TestGood", *checks],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, dict[str, str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        driver = case.get("classname", "").rpartition(".")[2].removeprefix("Test")
        said = "".join(trouble.text or "" for trouble in case if trouble.tag in ("failure", "error"))
        found.setdefault(driver, {})[case.get("name", "").removeprefix("test_")] = said
    return found


def test_a_good_driver_passes_every_check(outcomes):
    assert {name: said for name, said in outcomes["Good"].items() if said} == {}
    assert len(outcomes["Good"]) > 30
    assert set(outcomes) == {"Good", *REJECTED}


@pytest.mark.parametrize("driver", REJECTED)
def test_a_broken_driver_is_rejected_by_the_check_meant_for_it(outcomes, driver):
    check, words = REJECTED[driver]
    said = outcomes[driver]
    assert {name.partition("[")[0] for name in said} == {check}
    assert all(words in text for text in said.values()), said
