"""Losses and samplers for PyTorch."""

from __future__ import annotations

import io
import types

import numpy as np
import posweight
import pytest
from conftest import by_hand

torch = pytest.importorskip("torch")

from posweight import hf  # noqa: E402
from posweight.torch import (  # noqa: E402
    BCEWithLogitsLoss,
    IterablePlan,
    PlanSampler,
    calibrate,
    cross_entropy_weight,
    init_bias_,
)


KINDS = [torch.float32, torch.float64]


@pytest.fixture
def result(matrix, names):
    return posweight.compute(matrix, labels=names)


def test_tensors_are_counted(matrix, names, result):
    for tensor in (torch.from_numpy(matrix), torch.from_numpy(matrix).bool(), torch.from_numpy(matrix).to(torch.bfloat16)):
        np.testing.assert_array_equal(posweight.compute(tensor, labels=names).pos_weight, result.pos_weight)
    grows = torch.from_numpy(matrix).float().requires_grad_()
    np.testing.assert_array_equal(posweight.compute(grows, labels=names).pos_weight, result.pos_weight)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(matrix)), batch_size=7)
    np.testing.assert_array_equal(posweight.compute((y for (y,) in loader), labels=names).pos_weight, result.pos_weight)
    counter = posweight.Counter(names)
    for (y,) in loader:
        counter.update(y)
    np.testing.assert_array_equal(counter.compute().pos_weight, result.pos_weight)


def train(loss, X, Y, steps=100):
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, Y.shape[1]))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(X), Y).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_steps_are_those_of_a_weight_by_hand(kind):
    random = np.random.default_rng(3)
    X = torch.from_numpy(random.normal(size=(200, 8))).to(kind)
    Y = (random.random((200, 20)) < np.linspace(0.02, 0.6, 20)).astype(np.int8)
    trainer = hf.compute_loss_func(posweight.compute(Y))
    cells = torch.tensor(Y.size)
    losses = [
        BCEWithLogitsLoss(posweight.compute(Y)),
        lambda logits, targets: trainer({"logits": logits}, targets, num_items_in_batch=cells),
    ]
    torch.set_default_dtype(kind)
    try:
        theirs = train(torch.nn.BCEWithLogitsLoss(pos_weight=torch.from_numpy(by_hand(Y))), X, torch.from_numpy(Y).to(kind))
        for loss in losses:
            ours = train(loss, X, torch.from_numpy(Y))
            # To the last bit: no rounding is another.
            assert all(torch.equal(one, other) for one, other in zip(ours.parameters(), theirs.parameters()))
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("kind", [*KINDS, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_without_missing_targets_the_loss_is_that_of_torch(result, kind, reduction):
    logits, targets = torch.randn(11, 7).to(kind), torch.randint(0, 2, (11, 7))
    expected = torch.nn.BCEWithLogitsLoss(pos_weight=torch.from_numpy(result.pos_weight).to(kind), reduction=reduction)
    loss = BCEWithLogitsLoss(result, reduction=reduction)
    for given in (targets, targets.bool(), targets.to(kind)):
        found = loss(logits, given)
        assert found.dtype == kind and torch.equal(found, expected(logits, targets.to(kind)))


def test_weights_are_for_outputs_one_by_one(result, names):
    one = posweight.compute(np.array([[1], [0], [0]]), labels=["cat"])
    targets = torch.zeros(5, 20)
    for weights, wrong in ((one, (5, 20)), (result, (5, 20)), (result, (5, 1)), (result, (5, 7, 1)), (result, (5,))):
        logits = torch.zeros(wrong)
        with pytest.raises(posweight.UsageError, match=rf"shape .*{wrong[-1]}.*, but the weights have shape .{len(weights.labels)}\]"):
            BCEWithLogitsLoss(weights)(logits, torch.zeros(wrong))
        with pytest.raises(posweight.UsageError, match="weights"):
            calibrate(logits, weights)
    with pytest.raises(posweight.UsageError, match=r"shape \[1\]"):
        hf.compute_loss_func(one)({"logits": targets}, targets)
    # Outputs of one label are a column, or a vector.
    column, vector = (BCEWithLogitsLoss(one)(torch.ones(shape), torch.ones(shape)) for shape in ((5, 1), (5,)))
    assert column == vector
    assert calibrate(torch.zeros(5), one).shape == (5,)
    assert BCEWithLogitsLoss(result)(torch.zeros(7), torch.ones(7)).shape == ()
    for logits, targets in (((1, 7), (5, 7)), ((5, 7), (1, 7)), ((5, 7), (7,)), ((7,), (5, 7))):
        with pytest.raises(posweight.UsageError, match="targets have shape"):
            BCEWithLogitsLoss(result)(torch.zeros(logits), torch.zeros(targets))
    with pytest.raises(posweight.UsageError, match="no order"):
        BCEWithLogitsLoss(result, labels=set(names))


def test_labels_are_found_by_name(result, names):
    order = names[::-1]
    loss = BCEWithLogitsLoss(result, labels=order)
    assert loss.pos_weight.tolist() == result.pos_weight[::-1].tolist()
    with pytest.raises(posweight.UsageError, match="no label 'cow'"):
        BCEWithLogitsLoss(result, labels=["cow"])
    assert BCEWithLogitsLoss({"b": 2, "a": 3}, labels=["a", "b"]).pos_weight.tolist() == [3, 2]
    assert BCEWithLogitsLoss(torch.tensor([1.0, 2.0])).pos_weight.tolist() == [1, 2]
    with pytest.raises(posweight.UsageError, match="3 labels"):
        BCEWithLogitsLoss([1.0, 2.0], labels=["a", "b", "c"])
    with pytest.raises(posweight.UsageError, match="reduction"):
        BCEWithLogitsLoss(result, reduction="avg")


def test_missing_targets_do_not_count(result):
    logits, targets = torch.randn(5, 7), torch.randint(0, 2, (5, 7)).float()
    whole = BCEWithLogitsLoss(result, reduction="none")(logits, targets)
    gone = targets.clone()
    gone[0, 0], gone[2, 3] = float("nan"), -100
    logits.requires_grad_()
    cells = BCEWithLogitsLoss(result, reduction="none")(logits, gone)
    assert cells[0, 0] == cells[2, 3] == 0
    kept = torch.ones(5, 7, dtype=torch.bool)
    kept[0, 0] = kept[2, 3] = False
    mean = BCEWithLogitsLoss(result)(logits, gone)
    torch.testing.assert_close(mean, whole[kept].mean())
    torch.testing.assert_close(BCEWithLogitsLoss(result, reduction="sum")(logits, gone), whole[kept].sum())
    mean.backward()
    assert torch.isfinite(logits.grad).all() and logits.grad[0, 0] == 0
    assert BCEWithLogitsLoss(result)(logits, torch.full((5, 7), -100.0)) == 0
    assert BCEWithLogitsLoss(result)(logits[:0], targets[:0]) == 0
    # Nothing of a cell that does not count gets into the loss or its gradient.
    odd = logits.detach().clone()
    odd[0, 0], odd[2, 3] = float("nan"), float("inf")
    odd.requires_grad_()
    loss = BCEWithLogitsLoss(result)(odd, gone)
    loss.backward()
    assert torch.equal(loss, mean) and torch.equal(odd.grad, logits.grad)
    # A value that half precision lacks is found in the targets as they are given.
    few = torch.full((5, 7), -999)
    few[0, 0] = 1
    half = torch.zeros(5, 7, dtype=torch.bfloat16)
    assert BCEWithLogitsLoss(np.ones(7), missing=-999)(half, few) == torch.tensor(np.log(2), dtype=torch.bfloat16)


class Model(torch.nn.Module):
    def __init__(self, loss=None):
        super().__init__()
        self.head = torch.nn.Linear(3, 7)
        if loss is not None:
            self.criterion = loss


def test_weights_are_in_no_checkpoint(result):
    model = Model(BCEWithLogitsLoss(result))
    assert set(model.state_dict()) == {"head.weight", "head.bias"}
    stored = io.BytesIO()
    torch.save(model.state_dict(), stored)
    stored.seek(0)
    state = torch.load(stored)
    Model().load_state_dict(state)
    Model(BCEWithLogitsLoss(np.ones(7))).load_state_dict(state)
    # Checkpoints of the loss of torch have the weights.
    old = Model(torch.nn.BCEWithLogitsLoss(pos_weight=torch.full((7,), 5.0))).state_dict()
    assert "criterion.pos_weight" in old
    model.load_state_dict(old)
    assert model.criterion.pos_weight.tolist() == result.pos_weight.tolist()


def test_biases_and_probabilities(result, names):
    layer = torch.nn.Linear(3, 7)
    assert init_bias_(layer, result) is layer
    logit = np.log(result.counts.positives[:6] / result.counts.negatives[:6])
    np.testing.assert_allclose(layer.bias.detach().numpy()[:6], logit, rtol=1e-6)
    with pytest.raises(posweight.UsageError, match="7 labels"):
        init_bias_(torch.nn.Linear(3, 2), result)
    # With pos_weight = negatives / positives, the best constant logit is 0; calibrated, it is the prevalence.
    calibrated = calibrate(torch.zeros(1, 7), result).sigmoid()[0]
    np.testing.assert_allclose(calibrated[:6], result.prevalence[:6], rtol=1e-6)
    balanced = posweight.compute(np.array([0, 1, 1, 1]), scheme="balanced", num_labels=2)
    assert cross_entropy_weight(balanced).dtype == torch.float32
    np.testing.assert_allclose(cross_entropy_weight(balanced, ["1", "0"]), [2 / 3, 2])


def test_ranks_share_an_epoch_without_communication(matrix):
    plan = posweight.sample(matrix, "ml-ros:percent=30")
    expected = np.repeat(np.arange(100), plan.repeats)
    for world in (1, 3, 4):
        parts = [list(PlanSampler(plan, rank=rank, world_size=world)) for rank in range(world)]
        assert sorted(row for part in parts for row in part) == expected.tolist()
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        assert [len(PlanSampler(plan, rank=rank, world_size=world)) for rank in range(world)] == list(map(len, parts))
        even = [PlanSampler(plan, rank=rank, world_size=world, drop_last=True) for rank in range(world)]
        assert {len(list(part)) for part in even} == {len(expected) // world} == {len(part) for part in even}
    sampler = PlanSampler(plan, rank=0, world_size=1)
    first = list(sampler)
    assert first == list(sampler) != sorted(first)
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(PlanSampler(plan, rank=0, world_size=1, shuffle=False)) == expected.tolist()
    with pytest.raises(posweight.UsageError, match="rank 3 is none of 3"):
        PlanSampler(plan, rank=3, world_size=3)
    with pytest.raises(posweight.UsageError, match="go together"):
        PlanSampler(plan, rank=0)


def test_workers_after_a_compute(matrix, names):
    plan = posweight.sample(matrix, "repeat-factor")
    data = torch.utils.data.TensorDataset(torch.arange(100))
    orders = []
    for workers in (0, 2):
        loader = torch.utils.data.DataLoader(data, sampler=PlanSampler(plan), batch_size=8, num_workers=workers)
        orders.append([row for (rows,) in loader for row in rows.tolist()])
    assert orders[0] == orders[1]


def test_shards_are_streamed(sample_data):
    plan = posweight.sample(sample_data / "labels270", "ml-ros:percent=25")
    expected = sorted(np.repeat(np.arange(2000), plan.repeats).tolist())
    first = {shard["path"]: shard["first_position"] for shard in plan.shards}

    for workers in (0, 2):
        seen = []
        for rank in range(3):
            streamed = IterablePlan(plan, Numbered(first), rank=rank, world_size=3)
            seen += [int(row) for row in torch.utils.data.DataLoader(streamed, batch_size=None, num_workers=workers)]
        assert sorted(seen) == expected
    with pytest.raises(posweight.UsageError, match="gave 0 rows"):
        list(IterablePlan(plan, lambda path: []))


class Numbered:
    """Rows of a shard: their positions."""

    def __init__(self, first):
        self.first = first

    def __call__(self, path):
        return range(self.first[path], self.first[path] + 500)


def test_the_loss_of_a_trainer(result):
    compute = hf.compute_loss_func(result)
    logits, targets = torch.randn(6, 7), torch.randint(0, 2, (6, 7)).float()
    targets[1, 2] = -100
    expected = BCEWithLogitsLoss(result)(logits, targets)
    torch.testing.assert_close(compute({"logits": logits}, targets), expected)
    torch.testing.assert_close(compute(types.SimpleNamespace(logits=logits), targets), expected)
    # Two steps that accumulate are one step on both batches.
    cells = (targets != -100).sum()
    parts = [compute({"logits": logits[rows]}, targets[rows], num_items_in_batch=cells) for rows in (slice(0, 2), slice(2, 6))]
    torch.testing.assert_close(sum(parts), expected)
