"""Parameters as a file of safetensors, which holds no program (https://huggingface.co/docs/safetensors)."""

import json
from dataclasses import asdict
from pathlib import Path

from refsbnn import __version__, files
from refsbnn.errors import InputError
from refsbnn.layers.description import describe
from refsbnn.layers.layer import Parameters
from refsbnn.network import Network


def write(path: Path, network: Network, parameters: Parameters) -> None:
    """Write all parameters under their names; the layers and the input are in the metadata, as JSON.

    Raises
    ------
    InputError
        The file cannot be written, or the package `safetensors` is not installed.
    """
    try:
        from safetensors.numpy import save
    except ImportError:
        raise InputError("safetensors is not installed: pip install 'refsbnn[safetensors]'") from None
    network.check(parameters)
    described = {"layers": describe([stage.layer for stage in network.stages]), "input": asdict(network.input)}
    files.write_bytes(path, save(dict(parameters), {"refsbnn": __version__, "network": json.dumps(described)}))
