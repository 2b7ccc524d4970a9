"""Simulations find mistakes: for each there is a runner that makes it, and the faults that show it, soon."""

import pytest
from simulated import mutants, scenarios
from simulated.simulation import simulate

#: The mistake, within how many seeds it is found, and what the complaint says.
MUTANTS = [
    (mutants.NoTokenCompare, 2, "wrote a state with token"),
    (mutants.NoLeaseCheck, 2, "wrote to the hardware"),
    (mutants.OrphansStay, 4, "it "),
]
#: Mistakes that show only when faults come at one moment, each with the scenario that brings them at that moment.
MOMENTS = [
    (scenarios.Comeback, {"make_presence": mutants.Continued}),
    (scenarios.CrossedComeback, {"make_presence": mutants.Continued}),
    (scenarios.ClaimsBeforePresence, {"make_runner": mutants.HastyUnproven}),
    (scenarios.PresenceRewritten, {"make_runner": mutants.Unproven}),
    (scenarios.Overtaken, {"make_runner": mutants.NewestRevision}),
    (scenarios.StartAfterExpiry, {"make_runner": mutants.Unrestrained}),
]
#: In the same scenarios: nothing wrong, or no more than what something else makes up for.
HARMLESS = [
    (scenarios.Comeback, {}),
    (scenarios.CrossedComeback, {}),
    (scenarios.ClaimsBeforePresence, {}),
    (scenarios.PresenceRewritten, {}),
    (scenarios.Overtaken, {"make_runner": mutants.OneAtATime}),
    (scenarios.StartAfterExpiry, {}),
    (scenarios.Comeback, {"make_presence": mutants.Recreated}),
    (scenarios.CrossedComeback, {"make_presence": mutants.Recreated}),
    (scenarios.ClaimsBeforePresence, {"make_runner": mutants.Unproven}),
    (scenarios.ClaimsBeforePresence, {"make_runner": mutants.Hasty}),
    (scenarios.PresenceRewritten, {"make_runner": mutants.Hasty}),
]


def name(one):
    """Of a class, or of what is made otherwise."""
    if isinstance(one, dict):
        return "".join(made.__name__ for made in one.values()) or "no mistake"
    return getattr(one, "__name__", "")


@pytest.mark.parametrize(("mutant", "seeds", "complaint"), MUTANTS, ids=name)
def test_a_mistake_is_found(mutant, seeds, complaint):
    for seed in range(seeds):
        found = simulate(seed, make_runner=mutant).complaints
        if any(complaint in one for one in found):
            print(f"{mutant.__name__}: seed {seed}: {found[0]}")
            return
    pytest.fail(f"{seeds} seeds have not found {mutant.__name__}")


@pytest.mark.parametrize(("scenario", "mistake"), MOMENTS, ids=name)
def test_a_mistake_is_found_at_its_moment(scenario, mistake):
    """A past holder wrote to the hardware, or two held a job at once; found from nearly every seed."""
    for seed in range(3):
        found = simulate(seed, scenario=scenario, **mistake).findings.violations
        if any("wrote to the hardware" in one for one in found):
            print(f"{name(mistake)}: seed {seed}: {found[0]}")
            return
    pytest.fail(f"3 seeds of {scenario.__name__} have not found {name(mistake)}")


@pytest.mark.parametrize(("scenario", "mistake"), HARMLESS, ids=name)
def test_nothing_is_found_where_nothing_goes_wrong(scenario, mistake):
    """Without a mistake; and with half of one, where the other half holds.

    A presence written again under its old incarnation (``Recreated``) harms only if its runs take the new lease for
    theirs: else they need a new claim, and the compare-and-set refuses it. In a view that is in disorder after
    ``Resync``, the proof by revision and the wait for ``Ready`` each suffice; without a ``Resync`` only the proof does.
    """
    for seed in range(2):
        verdict = simulate(seed, scenario=scenario, **mistake)
        assert verdict.complaints == [], verdict.report()
