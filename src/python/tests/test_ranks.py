"""The rows of an epoch on several ranks."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import posweight
import pytest
from posweight._ranks import check_place, rows_of_rank, share

ROWS = 20_000_000
RANKS = 4
#: A chi-square of that many degrees of freedom exceeds this number once in a thousand times.
CHI_SQUARE = {2: 13.82, 6: 22.46}


def repeat_factor(rows):
    """A repeat-factor plan of three labels, two of them rare, and the labels."""
    mixed = np.arange(rows, dtype=np.uint32) * np.uint32(2654435761)
    y = np.stack([mixed % 3 == 0, mixed % 1009 == 5, mixed % 4001 == 7], axis=1)
    return posweight.sample(y, "repeat-factor:threshold=0.01", seed=11, labels=["often", "rare", "rarer"]), y


@pytest.fixture(scope="module")
def plan():
    return repeat_factor(ROWS)


def test_four_ranks_share_twenty_million_rows(plan):
    made, _ = plan
    repeats = made.repeats
    assert len(made) == ROWS and repeats.min() == 1
    total = int(repeats.sum())
    assert total > ROWS
    seen = np.zeros(ROWS, dtype=np.int32)
    lengths = []
    for rank in range(RANKS):
        rows = rows_of_rank(repeats, rank, RANKS, key=(made.seed, 0), shuffle=True, drop_last=False)
        lengths.append(len(rows))
        assert len(rows) == share(total, rank, RANKS, drop_last=False)
        # The order is no order of the rows.
        assert 0.49 < np.mean(np.diff(rows[:100_000]) > 0) < 0.51
        seen += np.bincount(rows, minlength=ROWS).astype(np.int32)
    # Complete and disjoint: every repeat is on one rank.
    assert (seen == repeats).all()
    assert sum(lengths) == total and max(lengths) - min(lengths) <= 1
    even = [share(total, rank, RANKS, drop_last=True) for rank in range(RANKS)]
    assert set(even) == {total // RANKS}


def chi_square(made, y):
    """How far the draws are from the expected repeats, and the degrees of freedom."""
    factor = np.maximum(1, np.sqrt(0.01 / y.mean(axis=0)))
    assert factor[0] == 1 < factor[1] < factor[2]
    expected = np.where(y, factor, 1.0).max(axis=1)
    repeats, found = made.repeats, 0.0
    kinds = [value for value in np.unique(expected) if value > 1]
    for value in kinds:
        own = repeats[expected == value]
        whole, part = divmod(value, 1)
        assert set(np.unique(own)) <= {int(whole), int(whole) + 1}
        more = int((own == whole + 1).sum())
        found += (more - len(own) * part) ** 2 / (len(own) * part * (1 - part))
    assert (repeats[expected == 1] == 1).all()
    return found, len(kinds)


def test_draws_agree_with_the_expected_repeats(plan):
    found, degrees = chi_square(*plan)
    assert degrees == 2 and found < CHI_SQUARE[2], found
    small, y = repeat_factor(1_000_000)
    drawn = [small, small.at_epoch(1), small.at_epoch(2)]
    total = sum(chi_square(made, y)[0] for made in drawn)
    assert total < CHI_SQUARE[6], total
    for one, other in itertools.combinations(drawn, 2):
        assert (one.repeats != other.repeats).any()


def test_an_epoch_is_the_same_wherever_it_is_computed():
    repeats = np.random.default_rng(1).integers(0, 4, 1000)
    key = (3, 5)

    def rows(rank, world, **more):
        return rows_of_rank(repeats, rank, world, **{"key": key, "shuffle": True, "drop_last": False, **more})

    whole = rows(0, 1)
    assert sorted(whole) == np.repeat(np.arange(1000), repeats).tolist()
    for world in (2, 3, 7):
        for rank in range(world):
            assert (rows(rank, world) == whole[rank::world]).all()
            assert len(rows(rank, world, drop_last=True)) == len(whole) // world
    assert (rows(0, 1, key=(3, 6)) != whole).any() and (rows(0, 1, key=(4, 5)) != whole).any()
    assert (rows(0, 1, shuffle=False) == np.repeat(np.arange(1000), repeats)).all()
    with pytest.raises(posweight.UsageError, match="rank -1 is none of 2"):
        check_place(-1, 2)


def test_plans_are_pickled(matrix, sample_data):
    made = posweight.sample(matrix, "ml-ros:percent=30", seed=5)
    again = pickle.loads(pickle.dumps(made))
    assert (again.repeats == made.repeats).all() and (again.weights == made.weights).all()
    assert (again.seed, again.epoch, again.method, again.shards) == (5, 0, made.method, made.shards)
    assert str(again) == str(made) and repr(again) == repr(made)
    assert again.result.labels == made.result.labels
    # Rows in memory are not in the pickle, paths are.
    assert made.can_redraw and not again.can_redraw
    folds = pickle.loads(pickle.dumps(posweight.sample(matrix, "stratified-split:folds=4")))
    assert folds.folds and len(folds.rows_of(folds.folds[0])) > 10
    files = pickle.loads(pickle.dumps(posweight.sample(sample_data / "labels270", "repeat-factor")))
    assert files.can_redraw and files.at_epoch(1).epoch == 1
