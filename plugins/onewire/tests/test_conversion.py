"""The plan of a cycle."""

from busgate_onewire.conversion import Wanted, merge, plan
from busgate_onewire.families import attribute_of
from busgate_onewire.inventory import Found, Place
from hypothesis import given
from hypothesis import strategies as st

TRUNK = Place("bus.0")
BRANCH = TRUNK.below("1F.0A1B2C3D4E5F", "main")


def want(id_, name, index=0, place=TRUNK, **about):
    found = Found(id_, place, **{"powered": True} | about)
    attribute = attribute_of(found.family, name)
    assert attribute
    return Wanted(index, found, attribute)


def paths(jobs):
    return [job.path for job in jobs]


def test_two_powered_thermometers_convert_at_the_same_time():
    cycle = plan([want("28.000000000001", "temperature"), want("10.000000000002", "temperature", 1)])
    assert paths(cycle.latest) == [
        "/uncached/bus.0/28.000000000001/latesttemp",
        "/uncached/bus.0/10.000000000002/latesttemp",
    ]
    assert cycle.wait == 0.75
    assert not cycle.quick
    assert not cycle.slow


def test_one_alone_converts_by_itself():
    cycle = plan([want("28.000000000001", "temperature"), want("28.000000000001", "temperature", 1)])
    assert paths(cycle.slow) == ["/uncached/bus.0/28.000000000001/temperature"]
    assert len(cycle.slow[0].wanted) == 2
    assert cycle.wait == 0


def test_parasites_and_branches_go_one_by_one():
    cycle = plan(
        [
            want("28.000000000001", "temperature", 0, powered=False),
            want("28.000000000002", "temperature", 1, BRANCH),
            want("28.000000000003", "temperature", 2, powered=None),
            want("28.000000000004", "temperature", 3),
            want("28.000000000005", "temperature", 4),
            want("28.000000000006", "temperature9", 5),
        ]
    )
    assert len(cycle.latest) == 2
    assert len(cycle.slow) == 4


def test_the_wait_is_that_of_the_finest_resolution():
    coarse = [want(f"28.00000000000{n}", "temperature", n, bits=9) for n in range(2)]
    assert plan(coarse).wait == 0.09375
    assert plan([*coarse, want("28.000000000009", "temperature", 2, bits=11)]).wait == 0.375
    assert plan([*coarse, want("10.000000000009", "temperature", 2, bits=9)]).wait == 0.75


def test_without_the_simultaneous_conversion():
    cycle = plan([want(f"28.00000000000{n}", "temperature", n) for n in range(3)], simultaneous=False)
    assert len(cycle.slow) == 3


def test_elements_of_an_array_are_one_read():
    wanted = [want("29.000000000001", f"sensed.{n}", n) for n in (0, 3, 7)]
    (job,) = plan(wanted).quick
    assert job.path == "/uncached/bus.0/29.000000000001/sensed.ALL"
    assert [element for _, element in job.wanted] == [0, 3, 7]


def test_a_single_element_is_read_by_itself():
    wanted = [want("29.000000000001", "sensed.3"), want("29.000000000001", "latch.3", 1)]
    assert paths(plan(wanted).quick) == [
        "/uncached/bus.0/29.000000000001/sensed.3",
        "/uncached/bus.0/29.000000000001/latch.3",
    ]


def test_a_battery_monitor_needs_no_cycle():
    cycle = plan([want("26.000000000001", name, n) for n, name in enumerate(("temperature", "humidity", "VDD"))])
    assert len(cycle.quick) == 3


NAMES = {
    "28": ("temperature", "temphigh", "power", "temperature9"),
    "29": ("sensed.0", "sensed.1", "PIO.0", "latch.BYTE", "sensed.ALL"),
    "1D": ("counter.A", "counter.B"),
    "26": ("temperature", "VAD"),
}
WANTS = st.sampled_from(sorted(NAMES)).flatmap(
    lambda code: st.tuples(
        st.just(code), st.sampled_from(NAMES[code]), st.integers(1, 3), st.booleans(), st.sampled_from([TRUNK, BRANCH])
    )
)


@given(st.lists(WANTS))
def test_everybody_is_served_once(wishes):
    wanted = [
        want(f"{code}.00000000000{number}", name, index, place, powered=powered)
        for index, (code, name, number, powered, place) in enumerate(wishes)
    ]
    for jobs in (merge(wanted), [*(cycle := plan(wanted)).quick, *cycle.latest, *cycle.slow]):
        assert sorted(served.index for job in jobs for served, _ in job.wanted) == list(range(len(wanted)))
        assert len({job.path for job in jobs}) == len(jobs)
    assert bool(cycle.latest) == bool(cycle.wait)
