"""`certify`: exact bias and variance of a callable, the member it is, and what that is held to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import oracle
from oracle.members import Discrete
from refsbnn.errors import InputError, check_choice
from validation.certify import own, time
from validation.certify.between import between
from validation.certify.call import SAME, Convention, Estimator, convention, name_of, repeats
from validation.certify.deeper import answer, differing
from validation.certify.extra import Averaged, Point, extra_of, points, renamed
from validation.certify.fixed import FixedReport, certify_fixed, fixed
from validation.certify.identify import CLOSE, Match, identify
from validation.certify.networks import LOSSES, WIDTHS, standard
from validation.certify.own import ALARM, DRAWS
from validation.certify.slopes import Profile, profile
from validation.certify.states import moments

Verdict = str  # "unbiased", "biased" or "not decided"


@dataclass(frozen=True)
class Tried:
    """One network with one loss."""

    network: str
    loss: str
    estimates: Mapping[str, oracle.Estimate]

    @property
    def verdict(self) -> Verdict:
        """Whether any entry's bias is more than 1e-5 of the root mean square of its array, and of the quadrature."""
        decided = True
        for each in self.estimates.values():
            size = float(np.sqrt(each.square.max()) + np.abs(each.gradient).max())
            if (np.abs(each.bias) > SAME * size + each.mean_error).any():
                return "biased"
            decided &= bool((np.broadcast_to(each.mean_error, each.mean.shape) <= SAME * size).all())
        return "unbiased" if decided else "not decided"


class Own(NamedTuple):
    """Of code that draws its own noise: whether the slope has noise given the spike, what is wrong, its member."""

    varies: bool
    wrong: Sequence[str]
    member: str


class Resets(NamedTuple):
    """What a spike does to the membrane, "to zero" or "by subtraction", and whether that is differentiated."""

    kind: str
    gradient: str


@dataclass(frozen=True)
class Report:
    """What `certify` found.

    Attributes
    ----------
    name : str
        Of the callable.
    profile : Profile
        Its slope over a grid of r.
    match : Match or None
        The member it is.
    tried : list of Tried
        Networks and losses, with the exact law of each parameter's estimate.
    own : Own, optional
        For code that draws its own noise.
    reset : Resets, optional
        Of a network over time.
    """

    name: str
    profile: Profile
    match: Match | None
    tried: Sequence[Tried]
    own: Own | None = None
    reset: Resets | None = None

    @property
    def wrong(self) -> list[str]:
        """What is amiss beside the slope: a rule of the chain, or a network that is not the one unit's member."""
        out = [*self.profile.notes, *(self.own.wrong if self.own else ())]
        for each in self.tried:
            if self.match is None or self.reset or (self.own is not None and each.network != "one-unit"):
                break
            keys = differing(self.match, standard(each.network), self.how, each.loss, each.estimates)
            if keys:
                out.append(f"{each.network}, {each.loss} loss: {', '.join(keys)} not as {self.match.member} has it")
        if self.match is not None and self.reset is not None and self.reset.gradient == time.NEITHER:
            told = f"not as {self.match.member} has it, whether the reset is differentiated or not"
            out.append(f"{self.tried[0].network}: {told}")
        return out

    @property
    def how(self) -> Convention:
        """How the code draws."""
        return self.profile.how

    @property
    def member(self) -> str:
        """The member in words, or why there is none."""
        if self.match is not None:
            return self.match.told()
        if self.own is not None and self.own.varies:
            return self.own.member
        if self.profile.value:
            return "no member: depends on the value of the loss"
        if self.profile.elsewhere:
            return "no member: depends on the loss at both states"
        if not np.abs(self.profile.slope).max():
            return "no member: the unit's gradient is 0"
        if self.profile.inside:
            return "no member: the slope varies given the spike, and is that of none"
        return f"no member: the slope is a function of {self._slope()}, and is that of none"

    def _slope(self) -> str:
        """What a slope that does not vary given the spike depends on, and some of it."""
        found, some = self.profile, []
        low, high = ((found.slope * each).sum(axis=1) / each.sum(axis=1) for each in (found.z == 0.0, found.z == 1.0))
        alone = bool(np.abs(high - low).max() <= 1e-5 * np.abs(found.slope).max())
        for at in (-1.0, 0.0, 1.0):
            i = int(np.abs(found.r - at).argmin())
            values = f"{low[i]:.4g}" if alone else f"{low[i]:.4g} and {high[i]:.4g}"
            some.append(f"{values} at r = {found.r[i]:.3g}")
        return f"r{'' if alone else ' and the spike'} ({'; '.join(some)})"

    @property
    def mass(self) -> str:
        """The mass and what it says of affine losses (theory 2.2)."""
        low, high = float(self.profile.mass.min()), float(self.profile.mass.max())
        if max(abs(low - 1.0), abs(high - 1.0)) <= CLOSE:
            return "1: one unit is unbiased for affine losses"
        numbers = f"{low:.4g}" if high - low <= CLOSE * abs(high) else f"{low:.4g} to {high:.4g}"
        return f"{numbers}: biased even for affine losses"

    def verdict(self, up_to: str, network: str | None = None) -> Verdict:
        """The worst for losses up to one of `LOSSES`, on one network or on all that were tried."""
        check_choice("up_to", up_to, LOSSES)
        names = {each.network for each in self.tried}
        if network is not None:
            check_choice("network", network, tuple(names))
        losses = LOSSES[: LOSSES.index(up_to) + 1]
        found = {t.verdict for t in self.tried if t.loss in losses and network in (None, t.network)}
        return next(word for word in ("biased", "not decided", "unbiased") if word in found)

    def table(self) -> str:
        """What is printed: the findings, and for each array of parameters the entry of the largest bias."""
        lines = [f"code      {self.name}", f"draws     {self.how.told()}", f"member    {self.member}"]
        if self.own is not None:
            lines[1] = f"{lines[1].rpartition(',')[0]}, by random numbers of its own"
        if not (self.profile.value or self.profile.elsewhere or (self.own and self.own.varies)):
            lines.append(f"mass      {self.mass}")
        if self.reset is not None:
            lines.append(f"reset     {self.reset.kind}, its gradient: {self.reset.gradient}")
        lines += [f"wrong     {note}" for note in self.wrong]
        head = f"{'entry':<9}{'exact':>12}{'mean':>12}{'bias':>12}{'variance':>12}{'mse':>12}"
        for each in self.tried:
            lines += ["", f"{each.network}, {each.loss} loss: {each.verdict}", head]
            for key, one in each.estimates.items():
                at = np.unravel_index(np.abs(one.bias).argmax(), one.bias.shape)
                columns = (one.gradient, one.mean, one.bias, one.variance, one.mse)
                entry = f"{key}[{','.join(map(str, at))}]"
                lines.append(f"{entry:<9}" + "".join(f"{_clean(float(column[at]), one):>12.4g}" for column in columns))
        error = max(float(np.max(e.mean_error)) for t in self.tried for e in t.estimates.values())
        lines += ["", "Each row is the entry of its array with the largest bias; --json has all of them."]
        if self.own is not None and error:
            lines.append(
                f"Means are of {DRAWS} draws; a bias counts above {error:.1e} at most: false alarms {ALARM:g}."
            )
        elif error:
            lines.append(f"The slope varies given the spike: means are integrals, with an error below {error:.1e}.")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON has it, with every entry."""
        match = None if self.match is None else self.match._asdict()
        cases = []
        for each in self.tried:
            laws = {
                key: {
                    word: np.asarray(getattr(one, attribute)).tolist()
                    for word, attribute in (
                        ("exact", "gradient"),
                        *((w, w) for w in ("mean", "bias", "variance", "mse")),
                    )
                }
                for key, one in each.estimates.items()
            }
            cases.append({"network": each.network, "loss": each.loss, "verdict": each.verdict, "parameters": laws})
        return {
            "code": self.name,
            "noise": self.how.noise,
            "domain": self.how.domain,
            "spike": None if self.own else "u < pi" if self.how.below else "u > 1 - pi",
            "member": self.member,
            "match": match,
            "r": self.profile.r.tolist(),
            "mass": None if self.profile.value or self.profile.elsewhere else self.profile.mass.tolist(),
            "own": None if self.own is None else self.own._asdict(),
            "slopes": self.profile.means.tolist(),
            "reset": None if self.reset is None else self.reset._asdict(),
            "wrong": self.wrong,
            "cases": cases,
        }


def _clean(value: float, one: oracle.Estimate) -> float:
    """0 for what is rounding."""
    size = float(np.sqrt(one.square.max()) + np.abs(one.gradient).max())
    return 0.0 if abs(value) < 1e-13 * max(size, size * size) else float(value)


def certify(
    fn: Estimator, *, network: str | None = None, name: str | None = None, member: str | None = None
) -> Report | FixedReport:
    """Exact mean, bias, variance and mean squared error of an estimator, and the member it is.

    Parameters
    ----------
    fn : callable
        (parameters, x, uniforms, loss) -> dict of gradients, for one draw. `parameters` holds float64 arrays "w0"
        (units, inputs), "b0" (units,), "w1", ... of one layer after the other, the last the readout; `uniforms` an
        array (units,) for each layer of units, or (1 + K, units) if `fn.extra` is K, on one unit; `loss(y)` is a number
        and `loss.gradient(y)` its gradient at logits y (outputs,).
        NumPy, PyTorch or JAX arrays, or whatever `numpy.array` reads, may come back, one for each parameter.
    network : str, optional
        One of "one-unit", "one-one", "two-two", "over-time", "recurrent" alone. If left out "one-unit" and "two-two",
        or "one-one" in its place where the estimate varies with the uniform given the spike.
    name : str, optional
        What the report calls the code.
    member : str, optional
        For code that draws its own noise and whose slope varies given the spike: the member to hold it to.

    Raises
    ------
    InputError
        Code that cannot be called, raises, returns what does not fit or is not finite, or
        whose forward pass is not that of the network (theory 1.1, 1.4).

    Examples
    --------
    >>> import numpy as np
    >>> def st(p, x, u, loss):
    ...     pi = 1 / (1 + np.exp(-(p["w0"] @ x + p["b0"])))
    ...     z = (u[0] < pi) * 1.0
    ...     g = loss.gradient(p["w1"] @ z + p["b1"])
    ...     da = p["w1"].T @ g * pi * (1 - pi)
    ...     return {"w0": np.outer(da, x), "b0": da, "w1": np.outer(g, z), "b1": g}
    >>> report = certify(st, network="one-unit")
    >>> report.member, report.verdict("affine"), report.verdict("quadratic")
    ('this is st', 'unbiased', 'biased')
    """
    if network is not None:
        check_choice("network", network, (*WIDTHS, *time.WIDTHS))
    one = None if member is None else own.member(member)
    if extra_of(fn):
        return _extra(fn, network, name or name_of(fn))
    if not repeats(fn):
        return _own(fn, network, one, name or name_of(fn))
    if one is not None:
        raise InputError("a member is asked for, and the code gives one answer for the same uniforms: it needs none")
    return given(fn, None, network, name or name_of(fn))


def given(fn: Estimator, how: Convention | None, network: str | None, name: str) -> Report | FixedReport:
    """The report of code that gives one answer for the same uniforms; how it draws, if not known, is found out."""
    silent = fixed(fn)
    if silent is not None:
        if network is not None:
            check_choice("network of units that draw nothing", network, tuple(WIDTHS))
        return certify_fixed(fn, silent, network, name)
    how = between(fn) or how or convention(fn)
    found = profile(fn, how)
    if network in time.WIDTHS:
        time.check(how, found.inside, network)
        match, timed = identify(found), time.tried(fn, how, network)
        tried = [Tried(network, loss, law) for loss, law in timed.laws.items()]
        resets = Resets(time.RESETS[timed.net.reset], time.gradient(match, how, timed))
        return Report(name, found, match, tried, reset=resets)
    return Report(name, found, identify(found), tried_on(fn, found, network))


def tried_on(fn: Estimator, found: Profile, network: str | None) -> list[Tried]:
    """The exact laws on one network without time, or on one unit and a deeper one."""
    if network == "two-two" and found.inside:
        raise InputError("network two-two is for slopes that do not vary given the spike; accepted: one-unit, one-one")
    if found.relaxed and network in ("one-one", "two-two"):
        raise InputError("a relaxed value is no state of the deeper networks; accepted: one-unit")
    inside, kink = found.inside or found.relaxed, found.value or found.elsewhere
    deeper = () if found.relaxed else ("one-one",) if found.inside else ("two-two",)
    return [
        Tried(
            each, loss, moments(fn, standard(each), found.how, loss, inside=inside, kink=kink, spikes=not found.relaxed)
        )
        for each in ((network,) if network else ("one-unit", *deeper))
        for loss in LOSSES
    ]


def _extra(fn: Estimator, network: str | None, name: str) -> Report:
    """The report of code with extra uniforms."""
    if network not in (None, "one-unit"):
        raise InputError(f"network {network} is for codes of one uniform a unit; accepted: one-unit")
    count = extra_of(fn)
    half = Averaged(fn, [Point(np.full(count, 0.5), 1.0, 1.0)])
    if not repeats(half):
        raise InputError(f"{name} gives two answers for the same uniforms; expected no noise beside the extra ones")
    how, nodes = convention(half), points(count)
    found = profile(Averaged(fn, nodes), how)
    kink = found.value or found.elsewhere
    tried = [
        Tried(
            "one-unit", loss, moments(fn, standard("one-unit"), how, loss, inside=found.inside, kink=kink, more=nodes)
        )
        for loss in LOSSES
    ]
    return Report(name, found, renamed(identify(found), count), tried)


def _own(fn: Estimator, network: str | None, one: Discrete | None, name: str) -> Report:
    """The report of code that draws its own noise."""
    if network not in (None, "one-unit", "one-one"):
        raise InputError(f"network {network} is not for code that draws for itself; accepted: one-unit, one-one")
    how = own.convention(fn)
    names = (network,) if network else ("one-unit", "one-one")
    asked = own.Asked(fn, how)
    wrong = own.law(fn, how, [standard(each) for each in names])
    found = own.profile(asked, how)
    match = None if found.inside else identify(found)
    held = one or (None if match is None else answer(match))
    tried = []
    against: list[str] = []
    for each in names:
        for loss in LOSSES:
            if each == "one-unit" and not found.inside:
                exact = moments(asked, standard(each), how, loss, inside=False, kink=False)
                tried.append(Tried(each, loss, exact))
                continue
            tried.append(Tried(each, loss, own.sampled(fn, standard(each), how, loss, len(names) * len(LOSSES))))
            if held is not None:
                against += own.beyond(fn, standard(each), how, loss, held, len(names) * len(LOSSES))
    told = "not named: the slope has noise of its own given the spike; name a member to hold it to"
    if found.inside and one is not None:
        told = f"not {one.name}" if against else f"nothing against {one.name}"
    return Report(name, found, match, tried, Own(found.inside, wrong + against, told))


def assert_unbiased(fn: Estimator, network: str = "one-unit", *, up_to: str = "affine") -> None:
    """Fail a test unless an estimator is unbiased on a standard network, for all losses up to one.

    Parameters
    ----------
    fn, network
        As in `certify`.
    up_to : {"affine", "quadratic", "softmax"}

    Raises
    ------
    AssertionError
        A bias, or none that is decided; with the report.
    InputError
        As `certify`.

    Examples
    --------
    >>> import numpy as np
    >>> def straight_through(parameters, x, uniforms, loss):
    ...     w0, b0, w1, b1 = (parameters[key] for key in ("w0", "b0", "w1", "b1"))
    ...     pi = 1 / (1 + np.exp(-(w0 @ x + b0)))
    ...     z = (uniforms[0] < pi).astype(float)
    ...     g = np.asarray(loss.gradient(w1 @ z + b1))
    ...     d = (w1.T @ g) * pi * (1 - pi)
    ...     return {"w0": np.outer(d, x), "b0": d, "w1": np.outer(g, z), "b1": g}
    >>> assert_unbiased(straight_through, up_to="affine")
    """
    check_choice("up_to", up_to, LOSSES)
    report = certify(fn, network=network)
    verdict = report.verdict(up_to)
    assert verdict == "unbiased", f"{report.name} is {verdict} up to {up_to} losses on {network}\n{report.table()}"
