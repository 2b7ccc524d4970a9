"""Simulations find mistakes: for each there is a runner that makes it, and a seed that shows it, soon."""

import pytest
from simulated import mutants
from simulated.simulation import simulate

#: The mistake, within how many seeds it is found, and what the complaint says.
MUTANTS = [
    (mutants.NoTokenCompare, 2, "wrote a state with token"),
    (mutants.NoLeaseCheck, 2, "wrote to the hardware"),
    (mutants.OrphansStay, 4, "it "),
]


@pytest.mark.parametrize(("mutant", "seeds", "complaint"), MUTANTS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_mistake_is_found(mutant, seeds, complaint):
    for seed in range(seeds):
        found = simulate(seed, make_runner=mutant).complaints
        if any(complaint in one for one in found):
            print(f"{mutant.__name__}: seed {seed}: {found[0]}")
            return
    pytest.fail(f"{seeds} seeds have not found {mutant.__name__}")
