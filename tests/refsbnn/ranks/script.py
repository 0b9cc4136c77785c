"""`python -m tests.refsbnn.ranks.script OUT`: what a user's script does with a run on several ranks."""

import json
import sys
from pathlib import Path

import numpy as np

from refsbnn import Run, fit
from refsbnn.ranks import world

out, ranks = Path(sys.argv[1]), world()
settings = ("model.hidden=[8]", "training.epochs=1", "training.shards=4", "evaluation.samples=2")
fit("digits_binary", *settings, ranks=ranks).save(out / "run")
run = Run.load(out / "run", ranks=ranks)
found = {
    "evaluate": run.evaluate("test").as_dict(),
    "probe": run.probe(["st"], units=3, examples=5, draws=3).as_dict(),
    "predict": run.predict_proba(np.zeros((300, 8, 8, 1))).tolist(),
}
(out / f"{ranks.rank}.json").write_text(json.dumps(found))
