"""Group state: what holds for every number of nodes, alive and wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cluster.group_state import GroupSettings, group_state
from gateway.errors import RecordError

COUNTS = st.integers(1, 1000)
ORDER = ["broken", "detached", "partial", "complete"]


@given(COUNTS, COUNTS, st.booleans())
def test_a_broken_store_comes_before_everything(live, nodes, cut_off):
    assert group_state(live, nodes, cut_off=cut_off, broken=True) == "broken"


@given(COUNTS, COUNTS)
def test_who_is_cut_off_is_detached_whatever_it_knew(live, nodes):
    assert group_state(live, nodes, cut_off=True) == "detached"


@given(COUNTS, COUNTS)
def test_complete_means_as_many_as_there_should_be(live, nodes):
    assert (group_state(live, nodes) == "complete") == (live >= nodes)


@given(COUNTS, COUNTS)
def test_some_but_not_all_others_is_partial(live, nodes):
    assert (group_state(live, nodes) == "partial") == (1 < live < nodes)


@given(st.integers(2, 1000))
def test_alone_among_several_is_detached(nodes):
    assert group_state(1, nodes) == "detached"


def test_a_group_of_one_is_complete_with_that_one():
    assert group_state(1, 1) == "complete"


@given(st.integers(2, 1000), COUNTS, st.booleans(), st.booleans())
def test_a_death_never_makes_it_better(live, nodes, cut_off, broken):
    before = group_state(live, nodes, cut_off=cut_off, broken=broken)
    after = group_state(live - 1, nodes, cut_off=cut_off, broken=broken)
    assert ORDER.index(after) <= ORDER.index(before)


@given(COUNTS, COUNTS, st.booleans(), st.booleans())
def test_wanting_more_nodes_never_makes_it_better(live, nodes, cut_off, broken):
    before = group_state(live, nodes, cut_off=cut_off, broken=broken)
    after = group_state(live, nodes + 1, cut_off=cut_off, broken=broken)
    assert ORDER.index(after) <= ORDER.index(before)


@pytest.mark.parametrize("nodes", [0, -1, 2.0, "3", True, None])
def test_settings_need_a_whole_number_of_nodes(nodes):
    with pytest.raises(RecordError, match="nodes: "):
        GroupSettings.from_map({"nodes": nodes})


def test_settings_keep_what_they_do_not_know():
    assert GroupSettings.from_map({"nodes": 3, "color": "red"}).to_map() == {"nodes": 3, "color": "red"}
    assert GroupSettings.from_map({}).nodes == 2
