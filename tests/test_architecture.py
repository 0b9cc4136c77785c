"""The shape of the house: who imports whom, what a start costs, how long a file may get, what must be documented."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("refsbnn", "oracle", "validation")
LONGEST = 400

# What each package may import at the top of a file, beside the standard library and itself.
ALLOWED = {
    "oracle": {"numpy", "scipy"},
    "refsbnn": {"numpy", "scipy", "numba", "llvmlite", "h5py", "tqdm"},
    "validation": {"numpy", "scipy", "numba", "h5py", "tqdm", "refsbnn", "oracle"},
}
# What a function may import when it is called: extras of setup.cfg.
ALLOWED_LATE = {
    "oracle": set(),
    "refsbnn": {
        "tonic",
        "mpi4py",
        "matplotlib",
        "tensorboardX",
        "tomli_w",
        "torch",
        "submitit",
        "optuna",
        "nir",
        "PIL",
        "safetensors",
    },
    "validation": {
        "matplotlib",
        "latex2mathml",
        "mpi4py",
        "torch",
        "threadpoolctl",
        "pytest",
        "snntorch",
        "spikingjelly",
    },
}
# What is made for another framework imports it at the top; only who has the framework asks for such a module.
FRAMEWORKS = {
    "refsbnn/exchange/torch_module.py": {"torch"},
    **{f"validation/benchmarks/peers/torch_{name}.py": {"torch"} for name in ("cifar", "compile_cifar")},
    **{f"validation/benchmarks/peers/torch_{name}.py": {"torch"} for name in ("shd", "compile_shd", "plain_shd")},
    **{f"validation/benchmarks/peers/torch_{name}.py": {"torch"} for name in ("hand_shd", "hand_plain_shd")},
    **{f"validation/benchmarks/peers/jax_{name}.py": {"jax"} for name in ("common", "shd", "plain_shd", "cifar")},
    "validation/benchmarks/peers/spyx_shd.py": {"jax", "flax", "optax", "spyx"},
    **{f"validation/benchmarks/peers/{name}_shd.py": {"torch", name} for name in ("snntorch", "spikingjelly", "norse")},
    "validation/benchmarks/batchnorm_network.py": {"torch"},
    **{f"refsbnn/{name}.py": {"sklearn"} for name in ("scikit", "classifier", "regressor")},
    "validation/conformance/adapters/pytorch.py": {"torch"},
    "validation/conformance/adapters/pytorch_deterministic.py": {"torch"},
    "validation/conformance/adapters/library.py": {"torch"},
    **{f"validation/conformance/adapters/{n}_neurons.py": {"torch", n} for n in ("snntorch", "spikingjelly", "norse")},
    "validation/conformance/adapters/spyx_neurons.py": {"jax", "flax", "spyx"},
    "validation/conformance/adapters/pytorch_layers.py": {"torch"},
    "validation/conformance/adapters/pytorch_networks.py": {"torch"},
    "validation/conformance/adapters/pytorch_sensitivity.py": {"torch"},
    "validation/benchmarks/certify_public.py": {"torch", "jax"},
    "validation/benchmarks/gaussian_error.py": {"mpmath"},
    "validation/benchmarks/oracle_torch.py": {"torch"},
    "validation/conformance/adapters/jax_jit.py": {"jax"},
    "validation/conformance/adapters/jax_layers.py": {"jax"},
    "validation/conformance/adapters/jax_deterministic.py": {"jax"},
    "validation/conformance/adapters/jax_networks.py": {"jax"},
    "validation/conformance/adapters/jax_sensitivity.py": {"jax"},
}
HEAVY = ("matplotlib", "tonic", "sklearn", "torch", "jax", "mpi4py", "submitit", "optuna")


def python_files(package: str) -> list[Path]:
    """Every Python file of a package, in a fixed order."""
    return sorted((ROOT / package).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """The top-level name of each absolute import of a file, and whether it stands inside a function."""
    for node in ast.iter_child_nodes(tree):
        late = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0], False
        else:
            yield from ((name, late or inner) for name, inner in imports(node))


def strings(tree: ast.Module) -> Iterator[str]:
    """The string constants of a file, without its docstrings."""
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_file_imports_only_what_its_package_may(package: str) -> None:
    wrong = []
    for path in python_files(package):
        extra = FRAMEWORKS.get(path.relative_to(ROOT).as_posix(), set())
        for name, late in imports(parse(path)):
            allowed = extra | ALLOWED[package] | {package} | (ALLOWED_LATE[package] if late else set())
            if name not in allowed and name not in sys.stdlib_module_names:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("package", "stranger"), [("refsbnn", "oracle"), ("oracle", "refsbnn")])
def test_oracle_and_refsbnn_do_not_name_each_other(package: str, stranger: str) -> None:
    """Not even as a string that could be handed to importlib; nor does either name `validation`, which knows both."""
    wrong = []
    for path in python_files(package):
        for text in strings(parse(path)):
            top = text.replace(":", ".").split(".")[0]
            if top == stranger or (top == "validation" and "." in text):
                wrong.append(f"{path.relative_to(ROOT)} holds the string {text!r}")
    assert not wrong, "\n".join(wrong)


def modules(package: str) -> list[str]:
    """The names of every module of a package, without those made for another framework."""
    found = importlib.import_module(package)
    names = [package, *(module.name for module in pkgutil.walk_packages(found.__path__, package + "."))]
    others = {path.removesuffix(".py").replace("/", ".") for path in FRAMEWORKS}
    return [name for name in names if not name.endswith("__main__") and name not in others]


def loaded_by(code: str) -> set[str]:
    """The top-level modules a fresh interpreter holds after `code`."""
    probe = "\nimport sys as _sys\nprint('\\n' + ' '.join({name.split('.')[0] for name in _sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code + probe], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("package", "strangers"),
    [("refsbnn", {"oracle", "validation", *HEAVY}), ("oracle", {"refsbnn", "validation", "numba", *HEAVY})],
)
def test_importing_everything_loads_no_stranger(package: str, strangers: set[str]) -> None:
    """What is loaded, not what is written: catches a way round through a third module."""
    assert not loaded_by("\n".join(f"import {name}" for name in modules(package))) & strangers


def test_the_reference_runs_without_numba() -> None:
    """So that its tests, and the oracle's, say nothing of compiled code."""
    names = [*modules("refsbnn.reference"), *modules("refsbnn.estimators")]
    assert not loaded_by("\n".join(f"import {name}" for name in names)) & {"numba", "llvmlite"}


def test_importing_refsbnn_and_its_command_line_is_light() -> None:
    assert not loaded_by("import refsbnn, refsbnn.cli") & {"oracle", "validation", *HEAVY}


def test_help_needs_not_even_numpy() -> None:
    """Of `validation`, whose commands it lists, the package is found, and nothing in it is run."""
    call = "try:\n    main(['--help'])\nexcept SystemExit as stop:\n    assert not stop.code"
    code = f"from refsbnn.cli import main\n{call}"
    assert not loaded_by(code) & {"numpy", "scipy", "numba", "h5py", "oracle", *HEAVY}


def modules_named(path: Path, lazy: bool = True) -> set[str]:
    """The modules of `refsbnn` that a file imports, in functions too, or names in a string; not those for types alone.

    Where not `lazy`, imports inside functions are left out.
    """
    known = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in python_files("refsbnn")}
    known |= {name.removesuffix(".__init__") for name in known}
    found: list[str] = []
    nodes: list[ast.AST] = [parse(path)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.FunctionDef) and not lazy:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value.partition(":")[0])
        nodes += ast.iter_child_nodes(node)
    # `from refsbnn.run import fit` names the module refsbnn.run.
    return {
        name if name in known else parent for name in found if (parent := name.rpartition(".")[0]) in known | {""}
    } & known


def room(module: str) -> str:
    """The top-level module or sub-package of `refsbnn` that holds a module; the package itself is "__init__"."""
    return [*module.split("."), "__init__"][1]


def levels() -> list[list[str]]:
    """The levels of docs/design.md, lowest first."""
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", design.split("### Levels")[1].split("\n## ")[0], flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(len(rows)))
    return [re.findall(r"`(\w+)`", names) for _, names in rows]


def test_rooms_of_refsbnn_import_from_lower_levels_alone() -> None:
    """So there is no loop. What reaches up is imported when it is asked for: the own `fit` and `Run`, and this:"""
    asked_for = {("network", "refsbnn.exchange.from_nir")}
    level = {name: number for number, names in enumerate(levels()) for name in names}
    assert sum(map(len, levels())) == len(level)
    assert set(level) == {
        room(".".join(path.relative_to(ROOT).with_suffix("").parts)) for path in python_files("refsbnn")
    }
    wrong = []
    for path in python_files("refsbnn"):
        here = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name in sorted(modules_named(path, lazy=here != "__init__")):
            there = room(name)
            if there != here and level[there] >= level[here] and (here, name) not in asked_for:
                wrong.append(f"{path.relative_to(ROOT)}, level {level[here]}, names {name}, level {level[there]}")
    assert not wrong, "\n".join(wrong)


def test_no_file_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for package in (*PACKAGES, "tests")
        for path in python_files(package)
    }
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_a_docstring(package: str) -> None:
    assert not [str(path.relative_to(ROOT)) for path in python_files(package) if not ast.get_docstring(parse(path))]


@pytest.mark.parametrize("package", ["refsbnn", "oracle"])
def test_every_public_function_and_class_has_a_docstring(package: str) -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in python_files(package)
        for node in parse(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if not ast.get_docstring(node)
    ]
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("package", ["refsbnn", "oracle"])
def test_every_public_method_has_a_docstring_or_inherits_one(package: str) -> None:
    bare = []
    for module_name in modules(package):
        for name, item in vars(importlib.import_module(module_name)).items():
            if name.startswith("_") or not inspect.isclass(item) or item.__module__ != module_name:
                continue
            methods = [key for key, value in vars(item).items() if inspect.isfunction(value) and key[0] != "_"]
            bare += [f"{module_name}.{name}.{key}" for key in methods if not inspect.getdoc(getattr(item, key))]
    assert not bare, "\n".join(bare)


def layer_names(tree: ast.Module) -> set[str]:
    """How a file spells the layers that it imports, as a name or as module.name."""
    package = importlib.import_module("refsbnn.layers")
    layers = {kind.__name__ for kind in all_subclasses(package.Layer)} | {"Layer"}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("refsbnn.layers"):
            found |= {alias.asname or alias.name for alias in node.names if alias.name in layers}
        if isinstance(node, ast.Import | ast.ImportFrom):
            whole = [alias for alias in node.names if isinstance(node, ast.Import) or alias.name[0].islower()]
            origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            modules = [a.asname or a.name for a in whole if f"{origin}{a.name}".startswith("refsbnn.layers")]
            found |= {f"{module}.{layer}" for module in modules for layer in layers}
    return found


def all_subclasses(kind: type) -> set[type]:
    """The subclasses of a class, and theirs."""
    own = set(kind.__subclasses__())
    return own.union(*(all_subclasses(each) for each in own))


def told_apart(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Where a file asks for the type of a layer: isinstance, issubclass, `type(x) is`, `case Dense()`."""
    names = layer_names(tree)
    for node in ast.walk(tree):
        asked: list[ast.expr] = []
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            asked = node.args[1:]
        elif isinstance(node, ast.Compare):
            asked = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchClass):
            asked = [node.cls]
        for each in asked:
            spelled = {ast.unparse(part) for part in ast.walk(each) if isinstance(part, ast.Name | ast.Attribute)}
            yield from ((each.lineno, name) for name in spelled & names)


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("from refsbnn.layers import LIF\nisinstance(x, LIF)", [2]),
        ("from refsbnn.layers.linear import Linear as L\nissubclass(x, (int, L))", [2]),
        ("from refsbnn import layers\nisinstance(x, int | layers.Residual)", [2]),
        ("import refsbnn.layers.units\ntype(x) is refsbnn.layers.units.Spike", [2]),
        ("from refsbnn.layers import Dense\nmatch x:\n    case Dense():\n        pass", [3]),
        ("import oracle\nfrom refsbnn.layers import Moments\nisinstance(x, oracle.LIF | Moments)", []),
    ],
)
def test_what_tells_layers_apart_is_seen(code: str, lines: list[int]) -> None:
    assert [line for line, _ in told_apart(ast.parse(code))] == lines


@pytest.mark.parametrize("package", ["refsbnn", "validation"])
def test_no_layer_is_told_from_another_outside_the_layers(package: str) -> None:
    """A layer answers for itself, by its methods or its `kind`, so that a new one needs no line elsewhere."""
    files = (path for path in python_files(package) if path.parent != ROOT / "refsbnn" / "layers")
    wrong = [f"{path.relative_to(ROOT)}:{line} {name}" for path in files for line, name in told_apart(parse(path))]
    assert not wrong, "\n".join(wrong)
