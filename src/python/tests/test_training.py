"""What trainers call, with stand-ins for libraries that are not installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
import types

import numpy as np
import posweight
import pytest
import stand_ins


@pytest.fixture
def result(matrix, names):
    return posweight.compute(matrix, labels=names)


@pytest.fixture
def fresh():
    """Modules of posweight that were loaded with a stand-in are loaded again by whoever comes next."""
    mine = ("posweight.torch", "posweight.lightning")
    before = {name: sys.modules.pop(name, None) for name in mine}
    yield
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


@pytest.fixture
def lightning(monkeypatch, fresh):
    stand_ins.torch(monkeypatch)
    stand_ins.lightning(monkeypatch)
    import posweight.lightning

    return posweight.lightning


def test_a_callback_gives_the_model_its_loss(lightning, result, names):
    order = names[::-1]
    model = types.SimpleNamespace(device="cpu", loss=None, criterion=None)
    trainer = types.SimpleNamespace(datamodule=None)
    lightning.PosWeight(result, order).setup(trainer, model, "fit")
    assert model.loss.pos_weight.tolist() == result.pos_weight[::-1].tolist()
    assert model.loss.labels == order and not model.loss.state_dict()
    # Without a result, the datamodule has one.
    trainer.datamodule = types.SimpleNamespace(result=result)
    lightning.PosWeight(attribute="criterion").setup(trainer, model, "fit")
    assert model.criterion.pos_weight.tolist() == result.pos_weight.tolist()
    for datamodule in (None, types.SimpleNamespace(result=None)):
        trainer.datamodule = datamodule
        with pytest.raises(posweight.UsageError, match="no result to weigh by"):
            lightning.PosWeight().setup(trainer, model, "fit")
    with pytest.raises(posweight.UsageError, match="no label 'cow'"):
        lightning.PosWeight(result, ["cow"]).setup(trainer, model, "fit")


def test_a_sampler_asks_for_nothing_but_the_plan(monkeypatch, fresh, matrix):
    stand_ins.torch(monkeypatch)
    from posweight.torch import PlanSampler

    plan = posweight.sample(matrix, "ml-ros:percent=30")
    parts = [PlanSampler(plan, rank=rank, world_size=3) for rank in range(3)]
    assert sorted(row for part in parts for row in part) == np.repeat(np.arange(100), plan.repeats).tolist()
    assert [len(part) for part in parts] == [len(list(part)) for part in parts]
    first = list(parts[0])
    parts[0].set_epoch(1)
    assert list(parts[0]) != first
    assert len(PlanSampler(plan)) == plan.repeats.sum()


def test_ranks_add_up_their_counters(monkeypatch, matrix, names):
    """Each of two processes counts its rows; a pipe carries the sums."""
    here, there = os.pipe(), os.pipe()
    whole = posweight.Counter(names)
    whole.update(matrix)

    def reduced(rank: int) -> posweight.Counter:
        read, write = (here[0], there[1]) if rank == 0 else (there[0], here[1])

        def all_reduce(tensor: stand_ins.Tensor, group: object = None) -> None:
            assert tensor.array.dtype == np.int64 and group == "all"
            os.write(write, tensor.array.tobytes())
            tensor.array += np.frombuffer(os.read(read, tensor.array.nbytes), dtype=np.int64).reshape(tensor.array.shape)

        distributed = stand_ins.module("torch.distributed", get_backend=lambda group: "gloo", all_reduce=all_reduce)
        torch = stand_ins.module("torch", from_numpy=stand_ins.Tensor, distributed=distributed)
        monkeypatch.setitem(sys.modules, "torch", torch)
        monkeypatch.setitem(sys.modules, "torch.distributed", distributed)
        counter = posweight.Counter(names)
        counter.update(matrix[:30] if rank == 0 else matrix[30:])
        assert counter.all_reduce("all") is counter
        return counter

    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if (reduced(1).state == whole.state).all() else 1)
        finally:
            os._exit(2)
    counter = reduced(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (counter.state == whole.state).all() and counter.rows == 100
    np.testing.assert_array_equal(counter.compute().pos_weight, whole.compute().pos_weight)


KERAS = """
    import numpy as np
    import keras
    import posweight
    from posweight.keras import binary_crossentropy, class_weight

    names = ["ant", "bee", "cat", "dog"]
    random = np.random.default_rng(3)
    logits = random.normal(size=(100, 4)).astype(np.float32)
    targets = (random.random((100, 4)) < [0.5, 0.2, 0.1, 0.05]).astype(np.float32)
    result = posweight.compute(targets, labels=names)
    targets[0, 0], targets[5, 2] = np.nan, -100
    counts = ~np.isnan(targets) & (targets != -100)
    known = np.where(counts, targets, 0)
    cells = result.pos_weight * known * np.logaddexp(0, -logits) + (1 - known) * np.logaddexp(0, logits)
    loss = binary_crossentropy(result, names)
    np.testing.assert_allclose(float(loss(targets, logits)), cells[counts].mean(), rtol=1e-5)
    turned = binary_crossentropy(result, names[::-1])
    np.testing.assert_allclose(float(turned(targets[:, ::-1], logits[:, ::-1])), cells[counts].mean(), rtol=1e-5)
    assert float(loss(np.full_like(targets, np.nan), logits)) == 0
    try:
        binary_crossentropy(posweight.compute(targets[:, :1], missing_values=-100))(targets, keras.ops.convert_to_tensor(logits))
        raise AssertionError("one weight for all outputs")
    except posweight.UsageError as error:
        assert "[100, 4], but the weights have shape [1]" in str(error)

    # As `compile` and `fit` take them.
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model.compile(loss=loss, optimizer=keras.optimizers.SGD(0.5))
    before = float(loss(targets, model.predict(logits, batch_size=100, verbose=0)))
    np.testing.assert_allclose(np.ravel(model.evaluate(logits, targets, batch_size=100, verbose=0))[0], before, rtol=1e-5)
    history = model.fit(logits, targets, batch_size=100, epochs=20, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0]
    classes = random.integers(0, 3, 100)
    weights = class_weight(posweight.compute(classes, scheme="balanced", num_labels=3))
    share = np.bincount(classes) / 100
    np.testing.assert_allclose([weights[at] for at in range(3)], 1 / (2 * share), rtol=1e-6)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    assert np.isfinite(model.fit(logits, classes, class_weight=weights, verbose=0).history["loss"]).all()
"""


def test_keras_trains_with_the_loss_and_with_weights_of_classes():
    for name in ("keras", "jax"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"there is no {name}")
    # In a process of its own, which does not fork later.
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KERAS)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
