"""Training on a few digits: it learns, it is reproducible to the bit, and the record says what happened."""

import numpy as np
import pytest

from refsbnn import objective, optim
from refsbnn.draws import CounterDraws
from refsbnn.streams import Purpose, Streams
from refsbnn.training import loop
from refsbnn.training.config import load
from refsbnn.training.evaluate import score
from refsbnn.training.loop import Plan, train
from refsbnn.training.record import record
from refsbnn.training.step import estimate
from refsbnn.training.task import prepare
from tests.refsbnn.differences import derivative

SMALL = ["training.epochs=2", "model.hidden=[16]", "evaluation.samples=2"]
SPIKING = [*SMALL, "data.steps=4"]


@pytest.fixture(
    scope="module", params=[("digits_binary", SMALL), ("digits_spiking", SPIKING)], ids=["binary", "spiking"]
)
def run(request):
    name, overrides = request.param
    task = prepare(load(name, overrides))
    return task, train(task)


def test_training_learns(run):
    # A network that has learnt nothing is right on Binomial(287, 1/10) of the validation digits: P(> 30 %) < 1e-19.
    _, result = run
    assert result.history[-1]["loglik"] > result.history[0]["loglik"]
    assert result.validation.accuracy > 0.3


def test_same_seed_same_bits(run):
    task, result = run
    again = train(prepare(task.config))
    for key, value in result.parameters.items():
        np.testing.assert_array_equal(value, again.parameters[key])
    for a, b in zip(result.history, again.history, strict=True):
        assert {k: v for k, v in a.items() if k != "seconds"} == {k: v for k, v in b.items() if k != "seconds"}


def test_record(run):
    task, result = run
    row = result.history[-1]
    units = len([key for key in row if key.startswith("rate.")])
    assert units == len([key for key in row if key.startswith("spread.")]) >= 1
    assert all(0.0 <= row[f"rate.{i}"] <= 1.0 for i in range(units))
    assert {key[4:] for key in row if key.startswith("snr.")} == {
        k for k in result.parameters if k.endswith("mu") and "bias" not in k
    }
    given = task.config.objective
    rise = min(1.0, (2 * 17 - 1) / round(given.warmup * 17))
    full = objective.kl_weight(10**6, 1150, temperature=given.temperature).value
    # The same three factors in another order: two roundings each.
    assert abs(row["kl_weight"] - full * rise) <= 2 * np.finfo(float).eps * full
    assert result.objective == "tempered"


def test_the_objective_is_called_what_it_is():
    spiking = ["objective.temperature=1", "objective.warmup=0", "model.hidden=[2]", "data.steps=2"]
    told = {
        name: Plan.of(prepare(load(name, overrides))).objective(0)
        for name, overrides in (("digits_binary", spiking[:2]), ("digits_spiking", spiking))
    }
    assert told == {"digits_binary": "ELBO", "digits_spiking": "variational objective, no bound"}
    each = prepare(load("digits_spiking", [*spiking, "objective.kl=each-draw"]))
    assert Plan.of(each).objective(0) == "ELBO"
    index, w = np.arange(4), each.network.initial(each.streams)
    plain, whole = (estimate(each, w, index, 0, weight) for weight in (0.0, 0.25))
    kl, gradients = each.network.kl(w, each_draw=True)
    assert whole.kl == kl > each.network.kl(w)[0]
    for key, g in whole.gradients.items():
        np.testing.assert_allclose(g, plain.gradients[key] + 0.25 * gradients[key], rtol=1e-12, atol=1e-15)


def test_the_gradient_is_that_of_the_whole_objective(run):
    """Step = likelihood + weight * KL + lambda * B: each part is scaled as the loss says."""
    task, result = run
    index, w = np.arange(8), result.parameters
    plain = estimate(task, w, index, 0, 0.0).gradients
    kl = task.network.kl(w)[1]
    for key, g in estimate(task, w, index, 0, 0.25).gradients.items():
        np.testing.assert_allclose(g, plain[key] + 0.25 * kl[key], rtol=1e-12, atol=1e-15)
    draws = CounterDraws(task.streams, Purpose.TRAIN, 0, index)
    logits, tape = task.network.forward(w, task.data.train.batch(index, draws), draws)
    _, dlogits = objective.categorical(logits, task.data.train.labels[index])
    by_hand, _ = task.network.backward(w, tape, -dlogits / 8)
    for key, g in plain.items():
        np.testing.assert_array_equal(g, by_hand[key])


def test_units_are_looked_at_every_so_many_steps():
    """With batches of 256 an epoch has 4 steps; every third are its first and its last. Nothing else changes."""
    options = [*SMALL, "training.batch=256", "training.epochs=1"]
    rows, rates = [], []
    for every in (1, 3):
        task, seen = prepare(load("digits_binary", [*options, f"training.monitor={every}"])), []

        def note(state, seen=seen):
            seen.append(state.tally.sums["rate.0"])

        rows.append(train(task, each_step=note).history[0])
        rates.append(np.diff([0.0, *seen]))
    np.testing.assert_array_equal(rates[1][1:3], 0.0)
    np.testing.assert_allclose(rows[1]["rate.0"], (rates[0][0] + rates[0][3]) / 2, rtol=1e-12)  # sums of differences
    for key in ("loglik", "train_accuracy", "validation_nll", "snr.1.dense.mu"):
        assert rows[0][key] == rows[1][key]


def test_each_epoch_takes_the_examples_once_in_an_order_of_its_own(monkeypatch):
    task, orders = prepare(load("digits_binary", [*SMALL, "training.batch=115"])), []

    def estimated(*args, **words):
        orders.append(args[2])
        return estimate(*args, **words)

    monkeypatch.setattr(loop, "estimate", estimated)
    train(task)
    first, second = np.reshape(orders, (2, -1))
    for order in (first, second):
        assert sorted(order) == list(range(1150))
    assert (first != second).any()


def test_each_step_has_its_weight_and_rate(monkeypatch):
    """The KL weight rises over the first epoch and a half from 0; the rate falls by a half after one and two epochs."""
    options = ["training.epochs=3", "objective.warmup=1.5", "objective.temperature=0.5", "training.batch=256"]
    options += ["training.schedule='step'", "training.drops=[1, 2]", "training.factor=0.5", "training.rate=0.01"]
    task, weights, rates = prepare(load("digits_binary", [*SMALL, *options])), [], []

    def estimated(*args, **words):
        weights.append((args[3], args[4]))
        return estimate(*args, **words)

    class Noted(optim.Adam):
        def step(self, parameters, gradients, rate, scale):
            rates.append(rate)
            return super().step(parameters, gradients, rate, scale)

    monkeypatch.setattr(loop, "estimate", estimated)
    state = loop.initial(task)
    state.optimiser = Noted()
    result = train(task, state=state)
    assert result.steps == 12
    eps = 4 * np.finfo(float).eps  # a handful of roundings
    assert [step for step, _ in weights] == list(range(12))
    assert [weight for _, weight in weights] == pytest.approx([0.5 * min(1, s / 6) / 1150 for s in range(12)], rel=eps)
    assert rates == pytest.approx([0.01] * 4 + [0.005] * 4 + [0.0025] * 4, rel=eps)


@pytest.mark.parametrize(
    ("patience", "score", "scores", "epochs", "best"),
    [
        (1, "validation_nll", [1.0, 0.5, 0.6, 0.1], 3, 2),
        (2, "validation_nll", [1.0, 0.5, 0.6, 0.4, 0.4, 0.7, 0.1], 6, 4),
        (2, "validation_accuracy", [0.2, 0.5, 0.5, 0.4, 0.9], 4, 2),
        (9, "validation_nll", [0.3, 0.5, 0.2, 0.6], 4, 3),
        (0, "validation_nll", [0.3, 0.5, 0.2, 0.6], 4, None),
    ],
)
def test_patience_ends_a_run_and_the_best_epoch_is_kept(monkeypatch, patience, score, scores, epochs, best):
    """Scores as given: a run ends `patience` epochs after the best one, the first where several are alike."""
    options = [f"training.epochs={len(scores)}", f"training.patience={patience}", f"training.score='{score}'"]
    task = prepare(load("digits_binary", [*SMALL, "training.batch=512", *options]))

    def scored(task, state, weight):
        return record(task, state, weight) | {score: scores[len(state.history)]}

    monkeypatch.setattr(loop, "record", scored)
    after = []
    result = train(task, save=lambda state: after.append(state.parameters))
    assert len(result.history) == epochs
    assert result.best == best
    for key, value in after[(best or epochs) - 1].items():
        np.testing.assert_array_equal(result.parameters[key], value)


def test_several_samples_are_the_mean_over_their_draws():
    task = prepare(load("digits_binary", [*SMALL, "training.samples=2"]))
    w, index = task.network.initial(task.streams), np.array([3, 11])
    got = estimate(task, w, index, 5, 0.0).gradients
    total = {key: 0.0 for key in got}
    for sample in (0, 1):
        draws = CounterDraws(task.streams, Purpose.TRAIN, 5, 2 * index + sample)
        logits, tape = task.network.forward(w, task.data.train.batch(index, draws), draws)
        _, dlogits = objective.categorical(logits, task.data.train.labels[index])
        for key, g in task.network.backward(w, tape, -dlogits / 4)[0].items():
            total[key] = total[key] + g
    for key, g in got.items():
        np.testing.assert_allclose(g, total[key], rtol=1e-9, atol=1e-15)  # sums of four terms in another order


def test_scores_by_hand():
    p = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]])
    got = score(p, np.array([0, 2]))
    assert got.accuracy == 0.5
    assert got.nll == pytest.approx(-(np.log(0.7) + np.log(0.3)) / 2)
    assert got.brier == pytest.approx((0.3**2 + 0.2**2 + 0.1**2 + 0.3**2 + 0.4**2 + 0.7**2) / 2)
    assert got.calibration_error == pytest.approx((abs(1 - 0.7) + abs(0 - 0.4)) / 2)


@pytest.mark.parametrize("name", ["digits_binary", "digits_spiking"])
def test_the_numba_backend_trains_alike(name: str) -> None:
    """One epoch from the same draws. Rounding moves spikes apart within it, so the two agree as two runs of one law do:
    the mean log-likelihood of some 1,100 examples, whose standard deviation is about 1, to 0.3.
    """
    rows = []
    for backend in ("numpy", "numba"):
        config = load(name, ["training.epochs=1", "evaluation.samples=1", f"training.backend={backend}"])
        rows.append(train(prepare(config)).history[0])
        assert all(np.isfinite(value) for value in rows[-1].values())
    assert abs(rows[0]["loglik"] - rows[1]["loglik"]) < 0.3
    assert rows[0].keys() == rows[1].keys()


@pytest.mark.parametrize("kind", ["sensitivity", "norm"])
@pytest.mark.parametrize("name", ["digits_binary", "digits_spiking"])
def test_the_gradient_of_the_loss_with_its_penalty(name, kind):
    """Relaxed units make a step's loss a function of the parameters whose derivative the gradient is."""
    weight, options = 0.4, [*(SPIKING if name == "digits_spiking" else SMALL), "model.units.member=gs(tau=0.7)"]
    task = prepare(load(name, [*options, f"objective.penalty={weight}", f"objective.penalty_kind={kind}"]))
    rng, rows = np.random.default_rng(0), np.arange(3)
    parameters = task.network.initial(Streams(2))

    def found(parameters):
        return estimate(task, parameters, rows, 0, 0.0)

    step = found(parameters)
    for key, gradient in step.gradients.items():
        direction = rng.uniform(-0.25, 0.25, gradient.shape)

        def along(t, key=key, direction=direction):
            one = found({**parameters, key: parameters[key] + t * direction})
            charge = weight * one.numbers()["penalty"]
            return charge - one.loglik, charge + abs(one.loglik)

        expected, bound = derivative(along)
        assert abs((gradient * direction).sum() - expected) <= bound, key
