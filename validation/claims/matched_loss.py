"""Do posterior noise and the KL term lower the bias of networks that are trained to the same loss?

Source: the paper's abstract, theory 4.1 and 4.2. Random networks of two layers of three units are trained with Adam
on exact gradients and stopped where the exact loss first falls to 0.7 (of ln 3 at chance). Compared network by
network, where both arrived, is the exact relative bias of all hidden parameters together: with a KL weight over
without, and with the usual posterior variance at the start over a tenth of it. "Bias on the way to the prior" moves
networks there without training them, and so at another loss.

With {-1,+1} units both lower the bias of the trapezoid and of agr, by 7 to 28 percent at seed 0, and that of st by
less than a tenth. With {0,1} units they lower that of the trapezoid and of agr by 6 to 17 percent, not always outside
the 99 % interval, and the KL term raises that of st by about a tenth: a spike acts through the variance there, which
the KL term keeps up.
"""

from typing import NamedTuple

import numpy as np

import oracle
from refsbnn import posterior
from validation.evidence import batch, batch_oracle, descent, intervals
from validation.evidence.batch_shape import Batch, Charges, Shape
from validation.evidence.claim import Claim, Formula
from validation.evidence.descent import MEMBERS, Mark
from validation.evidence.record import Level, Row, Rows, at_least, at_most, equal

CLAIM = Claim(
    title="Bias at matched loss",
    sentence="This Bayesian approach minimises gradient bias",
    owner="paper",
    source="abstract, sentence 6",
    statement=(
        "Trained to the same exact loss, a KL weight or a larger posterior variance gives a smaller exact relative "
        "bias of the trapezoid and of agr(tau=0.5) with {-1,+1} units. That of st changes by less than 30 %; with "
        "{0,1} units a KL weight of 0.01 does not lower it by 5 %."
    ),
    assumptions=(
        "two layers of three units, six examples, three classes, exact gradients",
        "networks that do not reach the loss are left out; a KL weight leaves out more",
    ),
    finding="holds with conditions",
    reason="trapezoid and agr: less by 7 to 28 %, {0,1} units by 6 to 17 %; st: 6 % less to 9 % more",
    claimed="less bias",
    headline="{-1,+1}, trapezoid: bias with KL weight 0.01 over that without",
    equations=(Formula("4.1", r"N E_q[\log p(y | z)] - \mathrm{KL}(q \| p)"),),
    code=("refsbnn/posterior.py", "refsbnn/objective.py", "validation/evidence/descent.py"),
)
TITLE = CLAIM.title
SHAPES = {"{-1,+1}": Shape("dense", "bipolar"), "{0,1}": Shape("dense")}
MARK = Mark("loss 0.7", loss=0.7)
RECIPES = {  # KL weight, and the logarithm of a factor of the weights' sigma2 at the start
    "none": (0.0, 0.0),
    "KL weight 0.01": (0.01, 0.0),
    "KL weight 0.003": (0.003, 0.0),
    "a tenth of the variance": (0.0, -np.log(10.0)),
}
PAIRS = {
    "bias with KL weight 0.01 over that without": ("KL weight 0.01", "none"),
    "bias with KL weight 0.003 over that without": ("KL weight 0.003", "none"),
    "bias over that with a tenth of the posterior variance": ("none", "a tenth of the variance"),
}


def check(level: Level) -> Rows:
    """Geometric means of the ratios of bias, network by network."""
    yield same_numbers(level)
    yield same_charge(level)
    for label in list(SHAPES)[: 1 if level.quick else None]:
        found = trained(level, label)
        for told, (one, other) in list(PAIRS.items())[: 1 if level.quick else None]:
            both = found[one].met & found[other].met
            for member in MEMBERS:
                ratios = found[one].bias[member][both] / found[other].bias[member][both]
                yield row(level, label, member, told, intervals.geometric_mean(ratios), len(ratios))


def row(level: Level, label: str, member: str, told: str, size: intervals.Interval, count: int) -> Row:
    """What is expected of a ratio: below 1 with {-1,+1} units but for st, near it else."""
    setting = f"{label}, {member}: {told}"
    why = f"geometric mean of {count} networks, Student's 99 % interval {size:.2f}"
    if label == "{-1,+1}" and member != "st":
        return at_most(TITLE, setting, size.value, 1.1 if level.quick else 1.0, why)
    if label == "{0,1}" and member == "st" and "0.01" in told:
        return at_least(TITLE, setting, size.value, 0.95, f"more, not less; {why}")
    return equal(TITLE, setting, size.value, 1.0, 0.3, f"a third at most, either way; {why}")


class Found(NamedTuple):
    """The networks of one recipe: which arrived, and the relative bias of each by member."""

    met: np.ndarray
    bias: dict[str, np.ndarray]


def trained(level: Level, label: str) -> dict[str, Found]:
    """Every recipe from the same first means on the same examples."""
    shape, rng = SHAPES[label], level.rng(f"{__name__}.{label}")
    count, recipes = (24, 2) if level.quick else (160, len(RECIPES))
    first, (x, labels) = shape.initial(rng, count), shape.examples(rng, count, 6)
    chosen = list(RECIPES.items())[:recipes]
    parameters = {
        key: np.concatenate([value + (shift if key.endswith(".rho") else 0.0) for _, (_, shift) in chosen])
        for key, value in first.items()
    }
    none = np.zeros(recipes * count)
    charges = Charges(none, none, none, none, np.repeat([weight for _, (weight, _) in chosen], count))
    start = Batch(shape, parameters, np.concatenate([x] * recipes), np.concatenate([labels] * recipes))
    (reached,) = descent.train(start, charges, (MARK,), 80 if level.quick else 150)
    bias = {member: each.reshape(recipes, count) for member, each in descent.biases(reached.batch).relative.items()}
    met = reached.met.reshape(recipes, count)
    return {
        name: Found(met[i], {member: each[i] for member, each in bias.items()}) for i, (name, _) in enumerate(chosen)
    }


def same_numbers(level: Level) -> Row:
    """The relative bias of one of the fast networks is the oracle's."""
    shape, rng = SHAPES["{0,1}"], level.rng(f"{__name__}.same")
    one = Batch(shape, shape.initial(rng, 1), *shape.examples(rng, 1, 2))
    net, fast = batch_oracle.net_of(one, 0), descent.biases(one).relative["trapezoid"][0]
    found = [
        oracle.moments(net, x, oracle.Categorical(int(label)), oracle.trapezoid())
        for x, label in zip(one.x[0], one.labels[0], strict=True)
    ]
    parameters = oracle.parameters(net)
    bias = gradient = 0.0
    for key in (key for key in parameters if not key.startswith("readout")):
        scale = parameters[key] if key.endswith("sigma2") else 1.0  # to the gradient of rho (theory 3.5)
        bias += float(((scale * np.sum([each[key].bias for each in found], axis=0)) ** 2).sum())
        gradient += float(((scale * np.sum([each[key].gradient for each in found], axis=0)) ** 2).sum())
    setting = "{0,1}, trapezoid: relative bias of a fast network, against the oracle"
    return equal(TITLE, setting, fast, np.sqrt(bias / gradient), 1e-11, "some thousand roundings")


def same_charge(level: Level) -> Row:
    """The KL term that these networks are trained with is refsbnn's, against N(0, 1 / inputs)."""
    rng, none, all_ = level.rng(f"{__name__}.charge"), np.zeros(1), np.ones(1)
    worst = 0.0
    for shape in SHAPES.values():
        one = Batch(shape, shape.initial(rng, 1), *shape.examples(rng, 1, 2))
        with_ = batch.exact(one, Charges(none, none, none, none, all_)).gradient
        without = batch.exact(one).gradient
        for t in range(shape.layers):
            mu, rho = (one.parameters[f"{t}.{field}"][0] for field in ("mu", "rho"))
            for field, expected in zip(("mu", "rho"), posterior.kl_of(mu, rho, 1.0 / mu.shape[1])[1:], strict=True):
                key = f"{t}.{field}"
                worst = max(worst, float(np.abs(with_[key][0] - without[key][0] - expected).max()))
    return at_most(TITLE, "gradient of the KL term: fast networks less refsbnn's", worst, 1e-13, "rounding")
