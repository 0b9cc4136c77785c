"""What a compiled function takes is said, and said of what it takes: Numba's types are nowhere in the code to read.

An entry is a line `name, name : (shape) type, meaning`; a line indented further goes on with the one above. Groups, the
NamedTuples of the kernels, say the same of their fields.
"""

import ast
import inspect
import re
from pathlib import Path

import pytest

import refsbnn.kernels

ROOM = Path(refsbnn.kernels.__file__).parent
TREES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOM.glob("*.py"))}
MOST = 10  # parameters of a compiled function
SCALARS = {"float", "float32", "float64", "floats", "uint8", "int", "int32", "int64", "uint64", "bool"}


def decorated(node: ast.FunctionDef) -> bool:
    """Whether Numba compiles it by njit."""
    calls = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(isinstance(call, ast.Name) and call.id == "njit" for call in calls)


COMPILED = [
    (f"{file}.{node.name}", node)
    for file, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef) and (decorated(node) or node.name == "own_slope")
]
GROUPS = [
    (f"{file}.{node.name}", node)
    for file, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id == "NamedTuple" for b in node.bases)
]
TYPES = SCALARS | {node.name for _, node in GROUPS}


def entries(text: str | None, section: str) -> list[tuple[str, str]]:
    """Names and descriptions of a section of a docstring, in order."""
    pattern = rf"^{section}\n-+\n(.*?)(?=\n\n|\Z)"
    found = re.search(pattern, inspect.cleandoc(text or ""), flags=re.MULTILINE | re.DOTALL)
    out: list[tuple[str, str]] = []
    for line in found[1].splitlines() if found else []:
        if line.startswith(" "):
            out[-1] = out[-1][0], f"{out[-1][1]} {line.strip()}"
            continue
        names, _, about = line.partition(" : ")
        out.append((names, about))
    return [(name, about) for names, about in out for name in names.split(", ")]


def check(text: str | None, section: str, names: list[str]) -> None:
    """Each name in order and no other, each with a type."""
    given = entries(text, section)
    assert [name for name, _ in given] == names
    for name, about in given:
        assert TYPES & set(re.findall(r"\w+", about)), f"{name} : {about!r} names no type"


@pytest.mark.parametrize(("name", "node"), COMPILED, ids=[name for name, _ in COMPILED])
def test_a_compiled_function_says_what_it_takes(name: str, node: ast.FunctionDef) -> None:
    names = [part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)]
    assert len(names) <= MOST
    check(ast.get_docstring(node), "Parameters", names)


@pytest.mark.parametrize(("name", "node"), GROUPS, ids=[name for name, _ in GROUPS])
def test_a_group_says_what_it_holds(name: str, node: ast.ClassDef) -> None:
    fields = [part.target.id for part in node.body if isinstance(part, ast.AnnAssign)]
    check(ast.get_docstring(node), "Attributes", fields)


def test_no_compiled_function_is_called_with_a_starred_tuple() -> None:
    compiled = {name for name, _ in COMPILED}
    for file, tree in TREES.items():
        full = {name.split(".")[1]: name for name in compiled if name.startswith(f"{file}.")}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("refsbnn.kernels"):
                room = node.module.removeprefix("refsbnn.kernels").lstrip(".")
                full |= {alias.asname or alias.name: f"{room}.{alias.name}".lstrip(".") for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and any(isinstance(a, ast.Starred) for a in node.args):
                first, dot, rest = ast.unparse(node.func).partition(".")
                called = full.get(first, first) + dot + rest
                assert called not in compiled, f"{file}:{node.lineno} calls {called} with a starred tuple"


@pytest.mark.parametrize(("name", "node"), COMPILED, ids=[name for name, _ in COMPILED])
def test_what_an_address_points_to_stays_alive(name: str, node: ast.FunctionDef) -> None:
    """Numba frees a local array after the last line that names it, though an address of it be in use.

    So an address is taken of a parameter, whose caller keeps it, or of an array named below the address's last use.
    """
    kept = {argument.arg for argument in node.args.args}
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    last = {n.id: max(other.lineno for other in names if other.id == n.id) for n in names}
    for part in ast.walk(node):
        unpacked = isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Tuple)
        if unpacked and isinstance(part.value, ast.Name) and part.value.id in kept:  # the fields of a group
            kept |= {target.id for target in part.targets[0].elts}
    for part in ast.walk(node):
        if not isinstance(part, ast.Assign):
            continue
        pairs = [(part.targets[0], part.value)]
        if isinstance(part.targets[0], ast.Tuple) and isinstance(part.value, ast.Tuple):
            pairs = list(zip(part.targets[0].elts, part.value.elts, strict=True))
        for target, value in pairs:
            for call in ast.walk(value):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "address":
                    root = call.args[0]
                    while isinstance(root, ast.Attribute | ast.Subscript):
                        root = root.value
                    assert root.id in kept or last[root.id] > last[target.id], f"{root.id} is freed before {target.id}"
