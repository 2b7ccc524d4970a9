"""Clusters of simulated nodes under faults from a seed: nothing that must not happen does, and in the end all is well.

``BUSGATE_SEEDS`` (``17`` or ``100-200``) chooses the seeds; one that fails says how to repeat it.
"""

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from simulated.simulation import FAULTS, simulate

SOURCE = Path(__file__).with_name("src")
#: Seeds of a usual run, and of one where nobody waits for it.
SEEDS = range(200 if os.environ.get("CI") == "true" else 30)
#: How many of them are one test.
PORTION = 10


def chosen():
    """The seeds that the environment asks for."""
    first, _, last = os.environ.get("BUSGATE_SEEDS", "").partition("-")
    return range(int(first), int(last or first) + 1) if first else SEEDS


def portions(seeds):
    """The seeds in portions that processes share among them."""
    return [seeds[start : start + PORTION] for start in range(0, len(seeds), PORTION)]


def judge(seed):
    """What came of one simulation."""
    verdict = simulate(seed)
    findings = verdict.findings
    report = verdict.report() if verdict.complaints else ""
    return report, findings.operations, findings.takeovers, findings.excused, verdict.recovery, verdict.duration


def check_all(seeds, verdicts):
    reports, operations, takeovers, excused, recoveries, durations = zip(*verdicts, strict=True)
    print(
        f"{len(seeds)} seeds, {FAULTS * len(seeds)} faults, {sum(durations) / 3600:.1f} virtual hours: "
        f"{sum(operations)} hardware writes, {sum(takeovers)} takeovers, {sum(excused)} writes begun before a pause; "
        f"well again after {max(recoveries):.1f} s at the latest"
    )
    failed = [report for report in reports if report]
    assert not failed, f"{len(failed)} of {len(seeds)} seeds failed\n" + "\n\n".join(failed[:3])
    assert sum(operations) > 100 * len(seeds)
    assert sum(takeovers) > 5 * len(seeds)


@pytest.mark.parametrize("seeds", portions(chosen()), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_faults_of_all_kinds(seeds):
    check_all(seeds, map(judge, seeds))


@pytest.mark.soak
def test_faults_of_all_kinds_in_the_long_run():
    seeds = range(10_000, 10_000 + int(os.environ.get("BUSGATE_SOAK_SEEDS", "5000")))
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as workers:
        check_all(seeds, list(workers.map(judge, seeds, chunksize=5)))


def test_the_same_seed_gives_the_same_log():
    first, second = simulate(3), simulate(3)
    assert first.log.fingerprint() == second.log.fingerprint()
    assert simulate(4).log.fingerprint() != first.log.fingerprint()


def test_a_seed_means_the_same_in_every_process():
    program = "from simulated.simulation import simulate; print(simulate(5).log.fingerprint())"
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": hashes, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    ]
    assert told[0] == told[1] != ""
