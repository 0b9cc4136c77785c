"""Depth without normalisation: what a residual stream holds at initialisation, and what training does to it.

Source: theory 3.24 and 3.25. At initialisation the squared mean of the stream and its variance both grow by a
constant with every block, so with accumulated variance the spread of r = H / sqrt(U) is the same at every depth; with
instantaneous variance it grows with the root of the depth. Checked on the network that trains. A normaliser holds the
spread in training too; this does not: the recorded CIFAR-10 runs end at two to three times their initial spread with
agr and at three to six times with the trapezoid, where batch normalisation keeps it between 0.9 and 1.7. The gradient
crosses the stream: exact gradients of small networks of {0,1} units fall towards the input in plain networks and not
in residual ones; with {-1,+1} units of this spread plain networks lose little over three or four layers.

A recorded stream of 64 blocks trains for an epoch as far as one of four, with posterior noise and without any, at the
same slope (docs/training.md): there it is the stream that makes depth trainable, and not the noise. One of 1,000 blocks
does learn faster with noise: without, r spreads past the slope's reach, unless the branches are scaled to keep the
stream's variance, which did as well (docs/training.md).
"""

from dataclasses import replace
from functools import cache

import numpy as np

import oracle
from refsbnn.draws import CounterDraws
from refsbnn.layers import Dense, Layer, Residual, SampledReadout, Signal, Spike
from refsbnn.layers.signal import Domain
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams
from validation.evidence import intervals, recorded
from validation.evidence.claim import Claim, Formula
from validation.evidence.curves import Figure, Panel, Series
from validation.evidence.record import Level, Rows, at_least, at_most, equal

CLAIM = Claim(
    title="Depth without normalisation",
    sentence="we enable training of deep residual networks without normalisation",
    owner="paper",
    source="abstract, sentence 7",
    statement=(
        "At initialisation a residual stream with accumulated variance keeps the spread of r at every depth, and its "
        "gradient does not vanish towards the input. A stream of 64 blocks trains for an epoch as one of four does, "
        "without noise too; one of 1,000 learns on the digits as fast as one of 10, with noise. In training the spread "
        "grows."
    ),
    assumptions=(
        "at initialisation: means of variance 1 / inputs, sigma2 a constant over inputs, no offsets",
        "gradients: exact, in networks of three or four layers of three units",
        "after training: the recorded runs, two stages of two blocks, one seed each",
        "64 blocks: 16 filters on 16x16, one epoch, one seed",
        "1,000 blocks: 8 filters on 8x8, 80 steps, one seed, nothing tuned",
    ),
    finding="holds with conditions",
    reason="a residual stream of 64 blocks trains as one of 4 does, for an epoch, and without noise too; the spread "
    "is kept at initialisation, with accumulated variance, and grows 1.8 to 6 times in training",
    claimed="no normalisation needed in deep residual networks",
    headline="residual, accumulated, {-1,+1}, block 20: root mean square of r at initialisation",
    equations=(
        Formula("3.24", r"E[H_l^2] = g (|x|^2 / n + a^2 \rho l)"),
        Formula("3.25", r"E[U_l] = s ((|x|^2 + 1) / n + a^2 (\rho + 1/n) l)"),
    ),
    code=("refsbnn/layers/residual.py", "refsbnn/reference/residual.py", "validation/benchmarks/results"),
)
if not recorded.AT_HAND:
    CLAIM = replace(CLAIM, finding="not decidable here", reason=recorded.MISSING)
TITLE = CLAIM.title
WIDTH, BLOCKS, BATCH = 64, 20, 4
GAIN, SPREAD = 1.0, 0.5  # of the means and of sigma2, times inputs: the defaults of a layer
FALSE_ALARM = 1e-7
DOMAINS: dict[Domain, str] = {"bipolar": "{-1,+1}", "binary": "{0,1}"}
VARIANCES = {"accumulated": True, "instantaneous": False}
MEMBERS = {"agr_seed0": "agr(tau=2)", "st_seed0": "st", "trapezoid_seed0": "trapezoid"}
RUNS = {**MEMBERS, "batchnorm_seed0": "batch normalisation"}
UNITS = 6  # unit layers of the recorded networks


def check(level: Level) -> Rows:
    """Spread of r by depth in the network that trains, gradients of small networks, and the recorded runs."""
    for domain, label in list(DOMAINS.items())[: 1 if level.quick else None]:
        for name, accumulate in VARIANCES.items():
            found = squares(level, domain, accumulate)
            for block in (5, BLOCKS):
                values = found[:, block]
                told = intervals.mean(values, 1.0 - FALSE_ALARM)
                expected = predicted(domain, accumulate, block)
                # The recursions are of H^2 and U; between them lies the variance of U over spikes, absent for {-1,+1}.
                slack = 0.0 if domain == "bipolar" else 0.1 * expected
                why = (
                    f"Student's reach over {len(values)} networks at a false-alarm rate of {FALSE_ALARM:g}"
                    + f", and {slack:.2g} for the variance of U" * (domain == "binary")
                )
                setting = f"residual, {name}, {label}, block {block}: root mean square of r at initialisation"
                reach = (told.high - told.value + slack) / (2.0 * np.sqrt(expected))
                yield equal(TITLE, setting, np.sqrt(told.value), np.sqrt(expected), reach, why)
    for name, accumulate in VARIANCES.items():
        told = intervals.mean(squares(level, "bipolar", accumulate, 0.5)[:, BLOCKS], 1.0 - FALSE_ALARM)
        expected = predicted("bipolar", accumulate, BLOCKS, 0.5)
        setting = f"residual, {name}, {{-1,+1}}, branches times 1/2, block {BLOCKS}: root mean square of r"
        why = f"Student's reach over the networks at a false-alarm rate of {FALSE_ALARM:g}"
        reach = (told.high - told.value) / (2.0 * np.sqrt(expected))
        yield equal(TITLE, setting, np.sqrt(told.value), np.sqrt(expected), reach, why)
    yield from gradients(level)
    if recorded.AT_HAND:
        yield from trained()
        yield from deep()


def predicted(domain: str, accumulate: bool, block: int, scale: float = 1.0) -> float:
    """E[H^2] / E[U] after `block` blocks (theory 3.24, 3.25), inputs of mean square 1."""
    share = 1.0 if domain == "bipolar" else 0.5  # E[y^2]
    mean = GAIN * (1.0 + scale**2 * share * block)
    own = 1.0 / WIDTH  # the bias has a variance and no mean
    each = SPREAD * scale**2 * (share + own)
    if not accumulate and block:
        return mean / each
    return mean / (SPREAD * (1.0 + own) + block * each)


@cache
def squares(level: Level, domain: Domain, accumulate: bool, scale: float = 1.0) -> np.ndarray:
    """Mean square of r at the stem and after each block of networks as they are drawn, (networks, blocks + 1)."""
    count = 24 if level.quick else 60
    layers: list[Layer] = [Dense(WIDTH, gain=GAIN, spread=SPREAD)]
    branch = (Spike(domain=domain), Dense(WIDTH, gain=GAIN, spread=SPREAD))
    layers += [Residual(branch, scale=scale, accumulate=accumulate) for _ in range(BLOCKS)]
    network = Network([*layers, Spike(domain=domain), Dense(2), SampledReadout()], Signal("values", (WIDTH,)))
    rng = level.rng(__name__)
    found = []
    for _ in range(count):
        streams = Streams(int(rng.integers(2**32)))
        x = rng.normal(size=(BATCH, WIDTH))
        x *= np.sqrt(WIDTH) / np.linalg.norm(x, axis=1, keepdims=True)
        draws = CounterDraws(streams, Purpose.TRAIN, 0, np.arange(BATCH))
        _, tape = network.forward(network.initial(streams), x, draws)
        found.append([one.mean**2 + one.spread**2 for one in network.monitors(tape)])
    return np.array(found)


def gradients(level: Level) -> Rows:
    """The exact gradient of the first mu over that of the last before the readout, plain and residual."""
    for domain, label in DOMAINS.items():
        for kind in ("plain", "residual"):
            ratios = np.array([norms[0] / norms[-1] for norms in gradient_norms(level, domain, kind)])
            told = intervals.geometric_mean(ratios)
            setting = f"{kind}, {label}, small networks: first gradient over the last"
            why = f"{layers_of(level)} layers of 3, geometric mean of {len(ratios)} networks, 99 % interval {told:.2f}"
            if kind == "residual":
                yield at_least(TITLE, setting, told.value, 1.0, f"{why}: it does not vanish")
            elif domain == "binary":
                yield at_most(TITLE, setting, told.value, 0.5, f"{why}: it vanishes with depth")
            elif not level.quick:
                yield at_most(TITLE, setting, told.value, 1.2, f"{why}: {{-1,+1}} units of this spread lose little")


def layers_of(level: Level) -> int:
    """Layers of the small networks, stem and blocks."""
    return 3 if level.quick else 4


@cache
def gradient_norms(level: Level, domain: str, kind: str) -> np.ndarray:
    """Norms of the exact gradient of the mu of each layer, (networks, layers), of networks as they are drawn."""
    rng, depth, found = level.rng(f"{__name__}.{domain}"), layers_of(level), []
    for _ in range(16 if level.quick else 60):
        x = rng.normal(size=3)
        stem, *rest = (drawn(rng, 3) for _ in range(depth))
        net: oracle.Network = oracle.Layered([stem, *rest], drawn(rng, 2), domain=domain)
        if kind == "residual":
            net = oracle.Residual(stem, [[one] for one in rest], drawn(rng, 2), domain=domain)
        gradient = oracle.exact(net, x * np.sqrt(3.0) / np.linalg.norm(x), oracle.Categorical(0)).gradient
        keys = [key for key in gradient if key.endswith(".mu") and not key.startswith("readout")]
        found.append([float(np.linalg.norm(gradient[key])) for key in keys])
    return np.array(found)


def drawn(rng: np.random.Generator, out: int) -> oracle.Layer:
    """A layer of three inputs as `Dense` draws it."""
    mu = rng.normal(size=(out, 3)) * np.sqrt(GAIN / 3.0)
    return oracle.Layer(mu, np.full((out, 3), SPREAD / 3.0), np.zeros(out), np.full(out, SPREAD / 3.0))


def spreads(run: str) -> list[float]:
    """The spread of r of each unit layer of a recorded CIFAR-10 network after its last epoch."""
    row = recorded.last_epoch("cifar10_small", run)
    return [row[f"spread.{layer}"] for layer in range(UNITS)]


def start() -> float:
    """The spread that 3.24 and 3.25 predict for those networks at initialisation, {-1,+1} units."""
    weights = recorded.runs("cifar10_small", "agr")[0]["config"]["model"]["weights"]
    return float(np.sqrt(weights.get("gain", 1.0) / weights["spread"]))


def trained() -> Rows:
    """The recorded runs after training."""
    first = start()
    for run, member in MEMBERS.items():
        setting = f"CIFAR-10 copy, {member}, after training: least spread of r over the unit layers"
        why = f"1.5 times the {first:.2f} at initialisation: training does not hold it; one recorded run"
        yield at_least(TITLE, setting, min(spreads(run)), 1.5 * first, why)
    setting = "CIFAR-10 copy, batch normalisation, after training: largest spread of r over the unit layers"
    yield at_most(TITLE, setting, max(spreads("batchnorm_seed0")), 2.0, "one recorded run")


def deep() -> Rows:
    """Log-likelihood of streams of 64 and of 1,000 blocks beside shallow ones, and of 1,000 with noise and without."""
    why = "0.05 nats for the seed, of the 0.5 and more that training won over a guess; one run each"
    for sweep, noise in (("depth_agr", "posterior noise"), ("depth_surrogate", "no noise, the same slope")):
        deepest, shallow = (recorded.last_epoch(f"paper/{sweep}", f"depth={n},seed=0")["loglik"] for n in (64, 4))
        setting = f"CIFAR-10 copy, {noise}, one epoch: log-likelihood of 64 blocks less that of 4, nats"
        yield at_least(TITLE, setting, deepest - shallow, 0.0, why, 0.05)
        setting = f"CIFAR-10 copy, {noise}, one epoch: log-likelihood of 64 blocks, nats"
        yield at_least(TITLE, setting, deepest, -np.log(10.0) + 0.5, "a guess has ln(1/10); one run")
    runs = ("noise_1000", "noise_10", "none_1000")
    deepest, shallow, silent = (recorded.logliks("paper/deep_digits", run)[75:80].mean() for run in runs)
    setting = "UCI digits, steps 76 to 80, posterior noise: log-likelihood of 1,000 blocks less that of 10, nats"
    yield at_least(TITLE, setting, deepest - shallow, 0.0, why, 0.05)
    setting = "UCI digits, steps 76 to 80, 1,000 blocks: log-likelihood with noise less without, the same slope, nats"
    yield at_least(TITLE, setting, deepest - silent, 0.0, why, 0.05)


def figures(level: Level) -> list[Figure]:
    """Spread by depth at initialisation, gradient by depth, spread after training."""
    blocks = list(range(BLOCKS + 1))
    series = []
    for name, accumulate in VARIANCES.items():
        found = np.sqrt(squares(level, "bipolar", accumulate).mean(axis=0))
        series.append(Series(name, blocks, [float(value) for value in found]))
        guess = [float(np.sqrt(predicted("bipolar", accumulate, block))) for block in blocks]
        series.append(Series(f"{name}, predicted", blocks, guess, dashed=True))
    panels = [Panel("at initialisation", "block", "spread of r", series)]
    layers = list(range(1, layers_of(level) + 1))
    lines = []
    for domain, label in DOMAINS.items():
        for kind in ("plain", "residual"):
            found = gradient_norms(level, domain, kind)
            ratio = np.exp(np.log(found / found[:, -1:]).mean(axis=0))
            lines.append(Series(f"{kind}, {label}", layers, [float(value) for value in ratio], kind == "plain"))
    panels.append(Panel("exact gradient", "layer", "norm over the last layer's", lines, log_y=True))
    if recorded.AT_HAND:
        shown = [Series(member, list(range(1, UNITS + 1)), spreads(run)) for run, member in RUNS.items()]
        panels.append(Panel("CIFAR-10 copy, trained", "unit layer", "spread of r", shown))
    caption = (
        f"Left, root mean square of r after each block of residual networks of {WIDTH} {{-1,+1}} units as they are "
        "drawn, by the network that trains, and as predicted: constant with accumulated variance, growing with the "
        "root of the depth with instantaneous variance. Middle, exact gradient of each layer's mu in small "
        "networks, relative to the last: with {0,1} units it falls fast towards the input in plain networks; with "
        "{-1,+1} units of this spread so few layers show little. Right, the recorded CIFAR-10 runs after training."
    )
    return [Figure("Depth without normalisation", caption, panels)]
