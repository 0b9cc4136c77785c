"""Where the official archives are, what their checksums are, and fetching them when asked."""

import sys
import tarfile
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from refsbnn.errors import InputError


@dataclass(frozen=True)
class Archive:
    """One official archive.

    Attributes
    ----------
    url, name : str
    md5 : str
        As its publishers or tonic state it.
    into : str
        Folder below the root in which it is unpacked.
    gives : str
        What is there then, below the root.
    instead : str
        What will do as well, if it lies there.
    """

    url: str
    name: str
    md5: str
    into: str
    gives: str
    instead: str = ""

    def wanted(self, root: Path) -> str:
        """What to get, where to put it and where from."""
        return f"{self.name} (md5 {self.md5}) in {root / self.into}, from {self.url}"


HEIDELBERG, MENDELEY = (
    "https://zenkelab.org/datasets/",
    "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/",
)
TONIC = "https://raw.githubusercontent.com/neuromorphs/tonic/develop/tonic/datasets/"
FIGSHARE = "https://figshare.com/ndownloader/files/"
ARCHIVES = {
    "cifar10": (
        Archive(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "cifar-10-python.tar.gz",
            "c58f30108f718f92721af3b95e74349a", "", "cifar-10-batches-py",
            "cifar-10-batches-bin",
        ),
    ),
    "shd": tuple(
        Archive(f"{HEIDELBERG}shd_{part}.h5.zip", f"shd_{part}.h5.zip", md5, "SHD", f"SHD/shd_{part}.h5")
        for part, md5 in (
            ("train", "f3252aeb598ac776c1b526422d90eecb"),
            ("test", "1503a5064faa34311c398fb0a1ed0a6f"),
        )
    ),
    "ssc": tuple(
        Archive(f"{HEIDELBERG}ssc_{part}.h5.zip", f"ssc_{part}.h5.zip", md5, "SSC", f"SSC/ssc_{part}.h5")
        for part, md5 in (
            ("train", "d102be95e7144fcc0553d1f45ba94170"),
            ("test", "a35ff1e9cffdd02a20eb850c17c37748"),
        )
    ),
    "nmnist": (
        Archive(
            f"{MENDELEY}39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded", "train.zip",
            "20959b8e626244a1b502305a9e6e2031", "NMNIST", "NMNIST/Train",
        ),
        Archive(
            f"{MENDELEY}05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded", "test.zip",
            "69ca8762b2fe404d9b9bad1103e97832", "NMNIST", "NMNIST/Test",
        ),
    ),
    "dvs_gesture": (
        Archive(
            f"{FIGSHARE}38022171", "ibmGestureTrain.tar.gz", "3a8f0d4120a166bac7591f77409cb105", "DVSGesture",
            "DVSGesture/ibmGestureTrain",
        ),
        Archive(
            f"{FIGSHARE}38020584", "ibmGestureTest.tar.gz", "56070e45dadaa85fff82e0fbfbc06de5", "DVSGesture",
            "DVSGesture/ibmGestureTest",
        ),
    ),
    "pokerdvs": tuple(
        Archive(f"{TONIC}pips_{part}.tar.gz", f"pips_{part}.tar.gz", md5, "POKERDVS", f"POKERDVS/pips_{part}")
        for part, md5 in (
            ("train", "412bcfb96826e4fcb290558e8c150aae"),
            ("test", "eef2bf7d0d3defae89a6fa98b07c17af"),
        )
    ),
}  # fmt: skip


def missing(name: str, root: Path) -> list[Archive]:
    """The archives of a data set whose content is not below the root."""
    return [
        archive
        for archive in ARCHIVES[name]
        if not any((root / place).exists() for place in (archive.gives, archive.instead) if place)
    ]


def fetch(archives: list[Archive], root: Path) -> None:
    """Get archives, unless they lie there already, check and unpack them.

    Raises
    ------
    InputError
        No network, a checksum that differs, an archive that would write elsewhere, tonic is not installed. The message
        names all archives that are still wanted.
    """
    for i, archive in enumerate(archives):
        folder = root / archive.into
        wanted = "; ".join(each.wanted(root) for each in archives[i:])
        try:
            from tonic.download_utils import check_integrity, download_url
        except ImportError:
            raise InputError(
                f"downloading needs tonic, which is not installed: pip install 'refsbnn[data]'; wanted: {wanted}"
            ) from None
        try:
            if not check_integrity(str(folder / archive.name), archive.md5):
                download_url(archive.url, str(folder), archive.name, archive.md5)
        except (OSError, RuntimeError, ValueError, HTTPException) as error:
            raise InputError(f"{archive.name} could not be fetched ({error}); wanted: {wanted}") from None
        unpack(folder / archive.name, folder)
        if not (root / archive.gives).exists():
            raise InputError(f"{folder / archive.name} does not hold {archive.gives}")


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive, whole or not at all; members that would land outside the folder are refused."""
    try:
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as scratch,
            path.open("rb") as raw,
            tqdm.wrapattr(
                raw, "read", path.stat().st_size,
                desc=f"unpacking {path.name}", disable=None, delay=2.0, file=sys.stderr,
            ) as file,
        ):  # fmt: skip
            if path.suffix == ".zip":
                with zipfile.ZipFile(file) as archive:
                    archive.extractall(scratch)  # which strips absolute paths and ".."
            else:
                with tarfile.open(fileobj=file) as archive:
                    archive.extractall(scratch, filter="data")
            for item in Path(scratch).iterdir():
                if not (folder / item.name).is_dir():
                    item.replace(folder / item.name)
    except (OSError, EOFError, RuntimeError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be unpacked: {error}") from None
