"""Sampling plans."""

from __future__ import annotations

import pickle

import numpy as np
import posweight
import pytest


def test_a_plan_repeats_rows_as_the_program_does(sample_data, tmp_path):
    plan = posweight.sample(sample_data / "labels270", "ml-ros:percent=25", seed=7)
    assert len(plan) == len(plan.repeats) == 2000
    assert plan.repeats.sum() == 2500 and plan.repeats.min() == 1
    assert [shard["name"] for shard in plan.shards] == [f"part-{at}.parquet" for at in range(4)]
    assert (plan.seed, plan.epoch, plan.folds) == (7, 0, [])
    plan.save(tmp_path / "plan")
    assert (tmp_path / "plan" / "plan" / "part-00003.parquet").exists()
    again = posweight.sample(sample_data / "labels270", "ml-ros:percent=25", seed=7, out=tmp_path / "out")
    assert (again.repeats == plan.repeats).all()
    for one in ("plan.json", "plan.md", "plan/part-00000.parquet", "weights.json"):
        assert (tmp_path / "out" / one).read_bytes() == (tmp_path / "plan" / one).read_bytes(), one
    assert "ml-ros" in str(plan) and "2000 rows" in repr(plan)
    with pytest.raises(posweight.UsageError, match="has no folds"):
        plan.fold
    with pytest.raises(posweight.UsageError, match="the rows of this plan are not here"):
        posweight.sample(iter([np.eye(4)]), "repeat-factor").at_epoch(1)


def test_a_condition_leaves_rows_out(matrix, names):
    columns = {name: matrix[:, at] for at, name in enumerate(names)} | {"half": np.arange(100) % 2}
    plan = posweight.sample(columns, "repeat-factor", labels=names, where="half = 1")
    assert (plan.repeats[::2] == 0).all() and (plan.repeats[1::2] >= 1).all()


def test_epochs_draw_anew(matrix):
    rare = np.zeros((2000, 2), dtype=np.int8)
    rare[:20, 0] = 1
    rare[:, 1] = 1
    plan = posweight.sample(rare, "repeat-factor:threshold=0.02")
    other = plan.at_epoch(1)
    assert other.epoch == 1 and (other.repeats != plan.repeats).any()
    assert (other.at_epoch(0).repeats == plan.repeats).all()
    # The expected repeats of a rare row are sqrt(0.02 / 0.01).
    total = sum(plan.at_epoch(epoch).repeats[:20].sum() for epoch in range(20))
    assert abs(total / 400 - np.sqrt(2)) < 0.1


def test_weights_of_rows(matrix):
    plan = posweight.sample(matrix, "inverse-frequency")
    assert plan.weights.shape == (100,) and (plan.weights > 0).all()


def test_folds_are_stratified(matrix):
    plan = posweight.sample(matrix, "stratified-split:train=0.8,test=0.2")
    assert plan.folds == ["train", "test"]
    rows = [plan.rows_of(fold) for fold in plan.folds]
    assert sorted(np.concatenate(rows)) == list(range(100))
    assert abs(len(rows[1]) - 20) <= 3
    with pytest.raises(posweight.UsageError, match="deals rows into folds"):
        plan.repeats
    with pytest.raises(posweight.UsageError, match="no fold 'dev'"):
        plan.rows_of("dev")


def test_scikit_learn(matrix):
    pytest.importorskip("sklearn")
    from posweight.sklearn import MultilabelStratifiedKFold, PlanResampler, compute_class_weight
    from sklearn.base import clone
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import PredefinedSplit, check_cv, cross_val_score

    folds = MultilabelStratifiedKFold(4)
    X = np.arange(300.0).reshape(100, 3)
    parts = list(folds.split(X, matrix))
    assert len(parts) == folds.get_n_splits() == 4
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(100))
    for train, test in parts:
        assert set(train) | set(test) == set(range(100)) and not set(train) & set(test)
        # Each fold has its share of a frequent label, to within a row or two.
        assert abs(matrix[test, 0].sum() - matrix[:, 0].sum() / 4) <= 2
    assert check_cv(folds) is folds
    assert len(cross_val_score(LinearRegression(), X, matrix, cv=folds)) == 4
    groups = np.repeat(np.arange(20), 5)
    for train, test in folds.split(X, matrix, groups):
        assert not set(groups[train]) & set(groups[test])
    plan = posweight.sample(matrix, "stratified-split:folds=4")
    assert PredefinedSplit(plan.fold).get_n_splits() == 4
    with pytest.raises(posweight.UsageError, match="no y"):
        list(folds.split(X))
    with pytest.raises(posweight.UsageError, match="n_splits is 4, but there are 3 rows"):
        list(folds.split(X[:3], matrix[:3]))
    with pytest.raises(posweight.UsageError, match="n_splits is 4, but there are 3 groups"):
        list(folds.split(X, matrix, np.arange(100) % 3))
    # Classes, as numbers and texts, and true and false.
    classes = np.arange(100) % 3
    for y in (classes, np.array(["ant", "bee", "cat"])[classes], classes == 1):
        for given in (None, groups):
            parts = [test for _, test in folds.split(X, y, given)]
            assert sorted(np.concatenate(parts)) == list(range(100))
            assert all(abs((y[test] == y[1]).sum() - (y == y[1]).sum() / 4) <= 5 for test in parts)

    np.testing.assert_allclose(compute_class_weight(matrix)[:6], posweight.compute(matrix).pos_weight[:6])
    resampler = clone(PlanResampler("ml-ros:percent=10"))
    more, labels = resampler.fit_resample(X, matrix)
    assert len(more) == len(labels) == posweight.sample(matrix, "ml-ros:percent=10").repeats.sum() > 100
    assert (more == X[resampler.sample_indices_]).all() and (labels == matrix[resampler.sample_indices_]).all()


def test_xgboost_and_keras_take_numbers(matrix, names):
    from posweight.keras import class_weight
    from posweight.xgboost import scale_pos_weight

    result = posweight.compute(matrix, labels=names)
    assert scale_pos_weight(result, "cat") == result.weights["ratio"][2]
    assert scale_pos_weight(posweight.compute(matrix[:, :1])) == result.weights["ratio"][0]
    with pytest.raises(posweight.UsageError, match="7 labels: 'ant', .*\nhint: name one of them"):
        scale_pos_weight(result)
    with pytest.raises(posweight.UsageError, match="no label ''"):
        scale_pos_weight(result, "")
    # The usual target of XGBoost.
    with pytest.raises(posweight.UsageError, match=r"2 labels: '0', '1'\nhint: .* count y\[:, None\]"):
        scale_pos_weight(posweight.compute(matrix[:, 0]))
    assert scale_pos_weight(posweight.compute(matrix[:, :1] == 1)) == result.weights["ratio"][0]
    classes = posweight.compute(np.array([0, 1, 1, 1]), scheme="balanced", num_labels=2)
    assert class_weight(classes) == {0: 2.0, 1: 2 / 3}


def test_charts(matrix, names):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    result = posweight.compute(matrix, labels=names)
    axes = plt.subplots()[1]
    assert result.plot.prevalence(ax=axes) is axes
    assert [tick.get_text() for tick in axes.get_yticklabels()][0] == "eel"
    assert len(result.plot.weights("ratio").patches) == 7
    assert result.plot.irlbl() is not None
    assert result.plot.cooccurrence().images
    plt.close("all")


def test_pickled_plans_say_what_they_lack(matrix, sample_data, tmp_path):
    plan = posweight.sample(matrix, "repeat-factor")
    again = pickle.loads(pickle.dumps(plan))
    assert (again.repeats == plan.repeats).all() and again.result.rows == 100
    with pytest.raises(posweight.UsageError, match="the plan was pickled without its table") as raised:
        again.at_epoch(1)
    assert "epoch=1" in raised.value.hint
    with pytest.raises(posweight.UsageError, match="save it before it is pickled"):
        again.save(tmp_path / "plan")
    # Paths are kept, also several.
    paths = [sample_data / "labels270" / f"part-{at}.parquet" for at in range(2)]
    plan = posweight.sample(paths, "repeat-factor")
    assert (pickle.loads(pickle.dumps(plan)).at_epoch(1).repeats == plan.at_epoch(1).repeats).all()
    # The plan of a result, too.
    result = posweight.compute(matrix, plan="repeat-factor", by=None)
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(result))))
    assert (again.plan.repeats == result.plan.repeats).all()


def test_scikit_learn_takes_what_compute_takes(matrix):
    pytest.importorskip("sklearn")
    from posweight.sklearn import MultilabelStratifiedKFold, PlanResampler

    folds = MultilabelStratifiedKFold(4)
    X, groups = np.zeros((100, 1)), np.repeat(np.arange(20), 5)
    expected = [test.tolist() for _, test in folds.split(X, matrix)]
    texts = [[name for name, has in zip("abcdefg", row) if has] for row in matrix.tolist()]
    targets = [matrix.astype(object), texts, [set(row) for row in texts], [["a", "b"], ["a", "c"]] * 50]
    for y in targets:
        parts = [test.tolist() for _, test in folds.split(X, y)]
        assert sorted(sum(parts, [])) == list(range(100))
    assert [test.tolist() for _, test in folds.split(X, matrix.astype(object))] == expected
    with pytest.raises(posweight.UsageError, match="with groups, the labels are no lists") as raised:
        list(folds.split(X, texts, groups))
    assert "MultiLabelBinarizer" in raised.value.hint
    assert len(PlanResampler("ml-ros:percent=10").fit_resample(X, texts)[1]) > 100
    missing = matrix.astype(int)
    missing[5, 2] = -100
    with pytest.raises(posweight.InputError, match="-100 is neither"):
        list(folds.split(X, missing))
    given = MultilabelStratifiedKFold(4, missing_values=-100)
    nan = np.where(missing == -100, np.nan, missing)
    for of in (None, groups):
        assert [test.tolist() for _, test in given.split(X, missing, of)] == [test.tolist() for _, test in folds.split(X, nan, of)]
    PlanResampler("ml-ros:percent=10", missing_values=-100).fit_resample(X, missing)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(nan).astype("Int8").astype("boolean")
    for of in (None, groups):
        assert [test.tolist() for _, test in folds.split(X, frame, of)] == [test.tolist() for _, test in folds.split(X, nan, of)]
    assert [test.tolist() for _, test in folds.split(X, pd.Series(texts))] == [test.tolist() for _, test in folds.split(X, texts)]
