"""Planted errors in what survives kills, power cuts and other machines; see `tests/mutants.py`."""

from tests.mutants import Mutant

LOCK = "tests/refsbnn/training/test_lock.py"
POWER = "tests/refsbnn/test_power.py"

FAULTS = (
    Mutant(
        "a file that is renamed before it is on the disk",
        "refsbnn/files.py",
        "                os.fsync(file.fileno())\n",
        "",
        POWER,
    ),
    Mutant(
        "the old checkpoint given up before the new one is there",
        "refsbnn/training/checkpoint.py",
        "    sealed.write(path, content)\n",
        "    for old in saved(out):\n        old.unlink()\n    sealed.write(path, content)\n",
        f"{POWER}::test_a_training_run",
    ),
    Mutant(
        "a lock without a sign of life",
        "refsbnn/training/lock.py",
        "            os.utime(self.path)\n",
        "            pass\n",
        f"{LOCK}::test_a_holder_elsewhere_is_heard",
    ),
    Mutant(
        "a lock that is removed though another process has it by now",
        "refsbnn/training/lock.py",
        "        if self.mine():\n            self.path.unlink",
        "        if True:\n            self.path.unlink",
        LOCK,
    ),
    Mutant(
        "a checkpoint written by who lost the folder",
        "refsbnn/commands/train.py",
        "            writing()\n            checkpoint.save",
        "            checkpoint.save",
        f"{LOCK}::test_a_run_that_lost_its_folder_ends_with_a_line",
    ),
)
