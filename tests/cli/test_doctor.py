"""``busgate doctor`` without hardware; what it says of each thing is tested beside the checks."""

import json

import pytest

#: Of this machine, whatever it is.
SURROUNDINGS = {"clock", "limits", "ports", "plugins"}


def told(done):
    assert done.err == ""
    return done.objects


def test_in_an_empty_folder_it_says_how_to_begin(busgate):
    done = busgate("doctor")
    assert done.status == 0
    assert "there is no configuration" in done.out
    assert "busgate config init busgate.toml" in done.out
    assert "no problems" in done.err


def test_json_has_one_object_a_finding(busgate, config):
    done = busgate("--json doctor")
    assert done.status == 0
    for line in done.out.splitlines():
        assert list(json.loads(line)) == ["check", "level", "subject", "message", "advice"]
    assert {one["check"] for one in told(done)} == SURROUNDINGS | {"config", "store", "nodes"}


def test_quiet_leaves_out_what_is_well(busgate, config):
    assert all(one["level"] != "ok" for one in told(busgate("--json doctor -q")))


@pytest.mark.parametrize("text", ["[node", '[node]\nname = "a"\nnaem = 1\n', '[store]\nurl = "nats-typo:x"\n'])
def test_a_wrong_configuration_is_a_problem_and_ends_nothing(busgate, config, text):
    config.write_text(text)
    done = busgate("--json doctor")
    problems = [one for one in told(done) if one["level"] == "problem"]
    assert done.status == 1
    assert [one["check"] for one in problems] == ["config"]
    assert problems[0]["subject"].startswith("busgate.toml:")
    assert {one["check"] for one in told(done)} >= SURROUNDINGS


def test_a_store_that_can_not_be_opened(busgate, tmp_path):
    done = busgate("--store", f"sqlite:{tmp_path}", "--json", "doctor")
    assert done.status == 3
    (problem,) = (one for one in told(done) if one["level"] == "problem")
    assert (problem["check"], "directory" in problem["message"]) == ("store", True)


def test_hardware_that_does_not_answer(busgate, config):
    pytest.importorskip("busgate_rflink")
    config.write_text(
        '[[interface]]\nbus = "radio"\ndriver = "rflink"\nport = "/dev/nothing"\n'
        '[[interface]]\nbus = "attic"\ndriver = "rflnk"\n'
    )
    done = busgate("--json doctor")
    assert done.status == 1
    problems = [(one["check"], one["subject"]) for one in told(done) if one["level"] == "problem"]
    assert problems == [("config", "busgate.toml:7"), ("ports", "radio")]


def test_usage(busgate):
    assert busgate("doctor now").status == 2


def test_an_interface_that_is_no_serial_one(busgate, config):
    pytest.importorskip("busgate_onewire")
    config.write_text('[[interface]]\nbus = "attic"\ndriver = "onewire"\nurl = "owserver://127.0.0.1:1"\n')
    done = busgate("--json doctor")
    (problem,) = (one for one in told(done) if one["level"] == "problem")
    assert (done.status, problem["check"], problem["subject"]) == (1, "interfaces", "attic")
    assert "owserver at 127.0.0.1:1" in problem["message"]
