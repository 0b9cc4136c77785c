"""`refsbnn data`: fetch data sets where there is a network, check them, bin them for later runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refsbnn.console import Parser
from refsbnn.data import official
from refsbnn.data.dataset import Dataset
from refsbnn.data.kept import KEPT
from refsbnn.data.options import Data, home
from refsbnn.data.sources import SETS, load
from refsbnn.errors import InputError
from refsbnn.ranks import world

SHARED = True  # among ranks


def parser() -> Parser:
    """The arguments of the command."""
    out = Parser(
        prog="refsbnn data",
        description="prepare: fetch what is missing, check it, bin it for later runs. verify: read all and check it.",
        epilog="example: refsbnn data prepare shd --root ~/data --steps 100 --bin-ms 14",
    )
    out.add_argument("action", choices=("prepare", "verify"))
    out.add_argument("name", choices=sorted(name for name, record in SETS.items() if record.archives))
    out.add_argument(
        "--root", type=Path, required=True, help="folder of the data sets, as data.root of a configuration"
    )
    out.add_argument("--steps", type=int, help="time steps of events (default 100)")
    out.add_argument("--bin-ms", type=float, help="their width in ms (default 0: equal parts)")
    out.add_argument("--downsample", type=int, help="pixels a side that become one (default 1)")
    out.add_argument("--merge", action="store_true", default=None, help="both polarities become one channel")
    out.add_argument("--denoise-ms", type=float, help="leave out events without another one so shortly before")
    return out


def main(argv: Sequence[str]) -> int:
    """Run `refsbnn data` with the given arguments; returns the exit code."""
    arguments = parser().parse_args(argv)
    name, root, verify = arguments.name, home(arguments.root), arguments.action == "verify"
    given = {key: getattr(arguments, key) for key in ("steps", "bin_ms", "downsample", "merge", "denoise_ms")}
    words = {key: value for key, value in given.items() if value is not None}
    if "steps" in SETS[name].keys:
        words.setdefault("steps", 100)
    options = Data(name=name, root=str(root), held_out=0.0, **words)
    ranks = world()
    if verify:
        print(ranks.from_first(lambda: checked(options)))
        return 0
    ranks.from_first(lambda: official.fetch(official.missing(SETS[name].archives, root), root))
    print(table(name, load(options, ranks=ranks)))
    return 0


def checked(options: Data) -> str:
    """Read all official files of a data set and all that was kept of them; returns the table."""
    name, root = options.name, options.folder
    lacking = official.missing(SETS[name].archives, root)
    if lacking:
        raise InputError(f"missing below {root}: {', '.join(archive.gives for archive in lacking)}; see docs/data.md")
    out = table(name, load(options, fresh=True))
    for path in sorted((root / KEPT).glob(f"{name}-*.h5")):
        SETS[name].check_kept(path)
    return out


def table(name: str, data: Dataset) -> str:
    """What was found: examples, classes, and the share of units that fire at a step."""
    lines = [f"{name}: {data.signal}", f"{'part':<8}{'examples':>10}{'official':>10}{'classes':>9}{'density':>9}"]
    for part, split, count in zip(("train", "test"), (data.train, data.test), SETS[name].counts, strict=True):
        recordings = getattr(split, "recordings", None)
        density = "-"
        if recordings is not None:
            places = len(recordings) * (data.signal.steps or 1) * int(np.prod(data.signal.shape))
            density = f"{recordings.offsets[-1] / places:.2%}"
        found = len(split.labels)
        lines.append(f"{part:<8}{found:>10,}{count:>10,}{len(np.unique(split.labels)):>9}{density:>9}")
    return "\n".join(lines)
