"""Curves at known times, and what they promise for all times."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.quantity import Constant, Hurried, Ramp, Recorded, Sine, Square, Walk

TIMES = st.floats(0, 1e7)


def test_sine():
    curve = Sine(mean=20, swing=3, period=100, phase=10)
    assert [round(curve.at(time), 6) for time in (10, 35, 60, 85, 110)] == [20, 23, 20, 17, 20]


def test_square():
    curve = Square(period=10, duty=0.3)
    assert [curve.at(time) for time in (0, 2.9, 3, 9.9, 10)] == [1, 1, 0, 0, 1]


def test_ramp_in_fast_motion():
    assert Hurried(Ramp(start=5, rate=2), speed=60).at(10) == 1205


@given(st.integers(), st.lists(st.floats(0, 1e5), min_size=1, max_size=20))
def test_a_walk_does_not_depend_on_when_it_is_asked(seed, times):
    def walk():
        return Walk(18, 2, 60, Random(seed))

    asked = walk()
    assert [asked.at(time) for time in times] == [walk().at(time) for time in times]
    assert all(16 <= asked.at(time) <= 20 for time in times)


def test_walks_of_other_seeds_differ():
    assert Walk(18, 2, 60, Random(1)).at(1000) != Walk(18, 2, 60, Random(2)).at(1000)


@given(TIMES)
def test_a_constant_stays(time):
    assert Constant(3).at(time) == 3


class TestRecorded:
    points = Recorded((0.0, 10.0, 20.0), (1.0, 3.0, -1.0))

    def test_lines_between_points(self):
        assert [self.points.at(time) for time in (-5, 0, 5, 10, 15, 20, 99)] == [1, 1, 2, 3, 1, -1, -1]

    def test_steps(self):
        steps = Recorded(self.points.times, self.points.values, steps=True)
        assert [steps.at(time) for time in (0, 9.9, 10, 19.9, 25)] == [1, 1, 3, 3, -1]

    def test_again_and_again(self):
        again = Recorded(self.points.times, self.points.values, repeat=True)
        assert [again.at(time) for time in (5, 25, 45)] == [2, 2, 2]

    def test_from_a_file(self, tmp_path):
        file = tmp_path / "winter.csv"
        file.write_text("time,inside,outside\n0,20.5,-3\n3600,20.0,-4.5\n")
        assert Recorded.load(file).at(0) == 20.5
        assert Recorded.load(file, "outside").at(3600) == -4.5

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "has no values"),
            ("time,a\n", "has no values"),
            ("time,a\n\n , \n", "has no values"),
            ("time,a\n5,1\n\n5,2\n", r"\.csv:4: 5 s comes after 5 s; the times must rise"),
            ("time,a\n0,1\n1,nan\n", r"\.csv:3: seconds and a value"),
            ("time,a\ninf,1\n", r"\.csv:2: seconds and a value"),
            ("0,1\n1,2\n", r"\.csv:1: a header line is needed here, as in time,value"),
            ('time,a\n0,"1\n', r"\.csv:\d: unexpected end of data"),
            ("time,a\n0,1\nx,2\n", r"\.csv:3: seconds and a value"),
            ("time,a\n0\n", r"\.csv:2: seconds and a value"),
        ],
    )
    def test_files_that_are_none(self, tmp_path, text, message):
        file = tmp_path / "x.csv"
        file.write_text(text)
        with pytest.raises(ValueError, match=message):
            Recorded.load(file)

    def test_a_column_that_is_not_there(self, tmp_path):
        file = tmp_path / "x.csv"
        file.write_text("time,inside\n0,1\n")
        with pytest.raises(ValueError, match="no column 'outside'; its columns are inside"):
            Recorded.load(file, "outside")

    def test_a_file_that_is_no_text(self, tmp_path):
        file = tmp_path / "x.csv"
        file.write_bytes(b"time,a\n0,\xff\n")
        with pytest.raises(ValueError, match="is not UTF-8 text"):
            Recorded.load(file)

    def test_spaces_and_empty_lines_mean_nothing(self, tmp_path):
        file = tmp_path / "x.csv"
        file.write_text("time, inside\n\n0, 1.5\n10, 2.5\n\n")
        assert Recorded.load(file, "inside").at(5) == 2.0
