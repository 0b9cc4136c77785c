"""Sixteen floats as one Numba value, so that a kernel says what stays in registers.

LLVM splits the vector to fit the machine (sixteen float32 are one AVX-512 register, two of AVX2, four of NEON).
Every operation is elementwise or in a written order, so the split cannot change a result.
Indices are element offsets into contiguous one-dimensional arrays; nothing checks bounds here.
"""

import operator
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model

from refsbnn.kernels.machine import many_registers

LANES = 16
MANY = many_registers()
_I32 = ir.IntType(32)


class _Vector(types.Type):
    def __init__(self, scalar):
        self.scalar = scalar
        element = ir.FloatType() if scalar is types.float32 else ir.DoubleType()
        self.llvm = ir.VectorType(element, LANES)
        self.suffix = "v16f32" if scalar is types.float32 else "v16f64"
        super().__init__(f"{scalar}x{LANES}")


VECTORS = {scalar: _Vector(scalar) for scalar in (types.float32, types.float64)}


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, kind.llvm)


def _pointer(context, builder, sig, args, position):
    """Address of the element of the array in args[position] that args[position + 1] counts to."""
    data = args[position]
    if isinstance(sig.args[position], types.Array):
        data = cgutils.create_struct_proxy(sig.args[position])(context, builder, data).data
    index = context.cast(builder, args[position + 1], sig.args[position + 1], types.intp)
    return builder.gep(data, [index])


def _splat(builder, kind, scalar):
    undefined = ir.Constant(kind, ir.Undefined)
    single = builder.insert_element(undefined, scalar, ir.Constant(_I32, 0))
    return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))


def _load(builder, kind, pointer):
    value = builder.load(builder.bitcast(pointer, kind.as_pointer()))
    value.align = 4  # a caller's array need not be aligned to the register
    return value


def _store(builder, value, pointer):
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = 4


def _call(builder, name, kind, *args):
    function_type = ir.FunctionType(kind.llvm, [kind.llvm] * len(args))
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, f"{name}.{kind.suffix}"), args)


@intrinsic
def address(typing_context, array):
    """Where the array's elements start, for functions called in a hot loop: it is passed without reference counting.

    The caller keeps the array alive: Numba frees an array after the last line that names it, and a line that names the
    address alone does not count. `load` and `store` take either.
    """

    def generate(context, builder, sig, args):
        return cgutils.create_struct_proxy(array)(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), generate


@intrinsic
def load(typing_context, array, index):
    """Sixteen elements from `index` on."""
    kind = VECTORS[array.dtype]

    def generate(context, builder, sig, args):
        return _load(builder, kind.llvm, _pointer(context, builder, sig, args, 0))

    return kind(array, index), generate


@intrinsic
def store(typing_context, array, index, value):
    """Write sixteen elements from `index` on."""

    def generate(context, builder, sig, args):
        _store(builder, args[2], _pointer(context, builder, sig, args, 0))
        return context.get_dummy_value()

    return types.none(array, index, value), generate


@intrinsic
def splat(typing_context, scalar):
    """The float scalar in all sixteen places."""
    kind = VECTORS[scalar]

    def generate(context, builder, sig, args):
        return _splat(builder, kind.llvm, args[0])

    return kind(scalar), generate


@intrinsic
def fma(typing_context, a, b, c):
    """a * b + c with one rounding."""

    def generate(context, builder, sig, args):
        return _call(builder, "llvm.fma", a, *args)

    return a(a, a, a), generate


@intrinsic
def sqrt(typing_context, a):
    """Square root, correctly rounded."""

    def generate(context, builder, sig, args):
        return _call(builder, "llvm.sqrt", a, *args)

    return a(a), generate


@intrinsic
def less(typing_context, a, b):
    """An integer whose bit i is a[i] < b[i]; not set where either is NaN."""

    def generate(context, builder, sig, args):
        mask = builder.bitcast(builder.fcmp_ordered("<", *args), ir.IntType(LANES))
        return builder.zext(mask, ir.IntType(64))

    return types.uint64(a, b), generate


@intrinsic
def select_less(typing_context, a, b, chosen, other):
    """chosen[i] where a[i] < b[i], else other[i]."""

    def generate(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return chosen(a, b, chosen, other), generate


@intrinsic
def add_exponent(typing_context, a, counter):
    """float32 a * 2^n where the low bits of `counter` hold the integer n, as in n + 1.5 * 2^23."""
    integers = ir.VectorType(_I32, LANES)

    def generate(context, builder, sig, args):
        exponent = builder.shl(builder.bitcast(args[1], integers), ir.Constant(integers, [23] * LANES))
        return builder.bitcast(builder.add(builder.bitcast(args[0], integers), exponent), a.llvm)

    return a(a, counter), generate


@intrinsic
def store_less(typing_context, array, index, a, b):
    """Write sixteen bytes from `index` on: 1 where a[i] < b[i], else 0."""

    def generate(context, builder, sig, args):
        bits = builder.fcmp_ordered("<", args[2], args[3])
        value = builder.zext(bits, ir.VectorType(ir.IntType(8), LANES))
        pointer = _pointer(context, builder, sig, args, 0)
        builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = 1
        return context.get_dummy_value()

    return types.none(array, index, a, b), generate


@intrinsic
def load_bytes(typing_context, array, index):
    """Sixteen bytes from `index` on, as float32."""
    kind = VECTORS[types.float32]

    def generate(context, builder, sig, args):
        wanted = ir.VectorType(ir.IntType(8), LANES)
        value = builder.load(builder.bitcast(_pointer(context, builder, sig, args, 0), wanted.as_pointer()))
        value.align = 1
        return builder.uitofp(value, kind.llvm)

    return kind(array, index), generate


def _arithmetic(operation, method):
    @infer_global(operation)
    class _Template(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == 2 and all(isinstance(a, _Vector) for a in args):
                return signature(args[0], *args)
            return None

    @lower_builtin(operation, _Vector, _Vector)
    def _lower(context, builder, sig, args):
        return getattr(builder, method)(*args)


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")


def _hidden(builder, pointer):
    """The same pointer, by no instruction, but of unknown origin.

    Otherwise LLVM finds the rows' addresses each from the one before, a chain of additions that takes longer than the
    sums; it does so wherever the function is optimised again, as when a caller is loaded from the cache.
    """
    same = ir.FunctionType(pointer.type, [pointer.type])
    return builder.asm(same, "", "=r,0", [pointer], side_effect=False)


def _register_tile(rows, vectors):
    """A function that adds a[rows, depth] @ b[depth, 16 vectors] to c[rows, 16 vectors], sums kept in registers.

    It is called as tile(a, a0, a_row, a_step, b, b0, b_step, c, c0, c_row, depth): flat arrays, each with a start and
    its strides in elements, so that `a` may be a transposed or strided matrix. Sums run over depth in order.
    """

    @intrinsic
    def tile(typing_context, a, a0, a_row, a_step, b, b0, b_step, c, c0, c_row, depth):
        kind = VECTORS[c.dtype]

        def generate(context, builder, sig, args):
            def integer(i):
                return context.cast(builder, args[i], sig.args[i], types.intp)

            def shifted(pointer, stride, times):
                return builder.gep(pointer, [builder.mul(stride, ir.Constant(stride.type, times))])

            a_start, b_start, c_start = (_pointer(context, builder, sig, args, i) for i in (0, 4, 7))
            a_row, a_step, b_step, c_row, depth = (integer(i) for i in (2, 3, 6, 9, 10))
            lanes = ir.Constant(c_row.type, LANES)
            places = [[shifted(shifted(c_start, c_row, r), lanes, j) for j in range(vectors)] for r in range(rows)]
            sums = [[cgutils.alloca_once_value(builder, _load(builder, kind.llvm, p)) for p in row] for row in places]
            with cgutils.for_range(builder, depth) as loop:
                b_line = builder.gep(b_start, [builder.mul(loop.index, b_step)])
                b_row = [_load(builder, kind.llvm, shifted(b_line, lanes, j)) for j in range(vectors)]
                a_line = _hidden(builder, builder.gep(a_start, [builder.mul(loop.index, a_step)]))
                for r in range(rows):
                    value = _splat(builder, kind.llvm, builder.load(shifted(a_line, a_row, r)))
                    for b_part, slot in zip(b_row, sums[r], strict=True):
                        builder.store(_call(builder, "llvm.fma", kind, value, b_part, builder.load(slot)), slot)
            for row, slots in zip(places, sums, strict=True):
                for place, slot in zip(row, slots, strict=True):
                    _store(builder, builder.load(slot), place)
            return context.get_dummy_value()

        return types.none(a, a0, a_row, a_step, b, b0, b_step, c, c0, c_row, depth), generate

    return tile


_TILES = {(rows, vectors): _register_tile(rows, vectors) for rows in (8, 4, 2, 1) for vectors in (2, 1)}
_TILE_82, _TILE_42, _TILE_22, _TILE_12 = (_TILES[rows, 2] for rows in (8, 4, 2, 1))
_TILE_81, _TILE_41, _TILE_21, _TILE_11 = (_TILES[rows, 1] for rows in (8, 4, 2, 1))
_TILE_61 = _register_tile(6, 1)  # twelve of AVX2's sixteen registers


class Factor(NamedTuple):
    """A matrix whose element (i, k) lies at data[start + i row + k step], such as a transposed one.

    Attributes
    ----------
    data : address of floats
    start, row, step : int, in elements
    """

    data: Any
    start: int
    row: int
    step: int


class Rows(NamedTuple):
    """A matrix whose element (i, j) lies at data[start + i row + j].

    Attributes
    ----------
    data : address of floats
    start, row : int, in elements
    """

    data: Any
    start: int
    row: int


@njit(cache=True, error_model="numpy")
def _matmul_add_few(left, right, into, rows, columns, depth):
    """`matmul_add` in tiles that sixteen registers of half a vector hold.

    Parameters
    ----------
    left : Factor, (rows, depth)
    right : Rows, (depth, columns) of the same float type
    into : Rows, (rows, columns) of the same float type
    rows, columns, depth : int, columns a multiple of 16
    """
    a, a0, a_row, a_step = left
    b, b0, b_step = right
    c, c0, c_row = into
    i = 0
    while i < rows:
        a_at, c_at = a0 + i * a_row, c0 + i * c_row
        if rows - i >= 6:
            for j in range(0, columns, LANES):
                _TILE_61(a, a_at, a_row, a_step, b, b0 + j, b_step, c, c_at + j, c_row, depth)
            i += 6
        elif rows - i >= 4:
            for j in range(0, columns, LANES):
                _TILE_41(a, a_at, a_row, a_step, b, b0 + j, b_step, c, c_at + j, c_row, depth)
            i += 4
        elif rows - i >= 2:
            for j in range(0, columns - LANES, 2 * LANES):
                _TILE_22(a, a_at, a_row, a_step, b, b0 + j, b_step, c, c_at + j, c_row, depth)
            if columns % (2 * LANES) > 0:
                j = columns - LANES
                _TILE_21(a, a_at, a_row, a_step, b, b0 + j, b_step, c, c_at + j, c_row, depth)
            i += 2
        else:
            for j in range(0, columns, LANES):
                _TILE_11(a, a_at, a_row, a_step, b, b0 + j, b_step, c, c_at + j, c_row, depth)
            i += 1


@njit(cache=True, error_model="numpy")
def matmul_add(left, right, into, rows, columns, depth):
    """into += left @ right; each sum runs over depth in order, whatever the tile.

    Parameters
    ----------
    left : Factor, (rows, depth)
    right : Rows, (depth, columns) of the same float type
    into : Rows, (rows, columns) of the same float type
    rows : int
    columns : int, a multiple of 16
    depth : int
    """
    if not MANY:
        _matmul_add_few(left, right, into, rows, columns, depth)
        return
    a, a0, a_row, a_step = left
    b, b0, b_step = right
    c, c0, c_row = into
    j = 0
    while j + 2 * LANES <= columns:
        i = 0
        while i + 8 <= rows:
            _TILE_82(a, a0 + i * a_row, a_row, a_step, b, b0 + j, b_step, c, c0 + i * c_row + j, c_row, depth)
            i += 8
        if rows - i >= 4:
            _TILE_42(a, a0 + i * a_row, a_row, a_step, b, b0 + j, b_step, c, c0 + i * c_row + j, c_row, depth)
            i += 4
        if rows - i >= 2:
            _TILE_22(a, a0 + i * a_row, a_row, a_step, b, b0 + j, b_step, c, c0 + i * c_row + j, c_row, depth)
            i += 2
        if rows - i >= 1:
            _TILE_12(a, a0 + i * a_row, a_row, a_step, b, b0 + j, b_step, c, c0 + i * c_row + j, c_row, depth)
        j += 2 * LANES
    if j < columns:
        i = 0
        while i + 8 <= rows:
            _TILE_81(a, a0 + i * a_row, a_row, a_step, b, b0 + j, b_step, c, c0 + i * c_row + j, c_row, depth)
            i += 8
        while i < rows:
            _TILE_11(a, a0 + i * a_row, a_row, a_step, b, b0 + j, b_step, c, c0 + i * c_row + j, c_row, depth)
            i += 1


@njit(cache=True)
def aligned_zeros(size, dtype):
    """Zeroed array that starts on a cache line: a 64-byte load must not straddle two.

    Parameters
    ----------
    size : int
    dtype : float32 or float64
    """
    block = np.zeros(size + LANES, dtype)
    start = (-(block.ctypes.data // block.itemsize)) % LANES
    return block[start : start + size]
