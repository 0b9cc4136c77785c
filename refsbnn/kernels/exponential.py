"""exp of sixteen float64 at a time, to the bits of glibc's (2.28 and later, on a processor with FMA).

x is (128 n + i) ln(2) / 128 and a rest: exp(x) = 2^n 2^(i/128) exp(rest), with 2^(i/128) from a table, to twice
float64's digits, and exp(rest) - 1 a polynomial of degree 5. The constants and the order of operations are those of
Arm's optimized routines, which glibc took over; the result is off by 0.511 units in the last place at most. Calls of
the C library, one number after the other, take longer, and libraries differ: KL has the same bits on all machines.
"""

import math
from decimal import Context, Decimal

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from refsbnn.kernels.simd import LANES, VECTORS, aligned_zeros, fma, less, load, splat, store

PARTS = 128  # of a doubling
SHIFT = 1.5 * 2.0**52  # adding it rounds to an integer and leaves that in the low bits
PER_LN2 = float.fromhex("0x1.71547652b82fep0") * PARTS
LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42fefa0000p-8"), float.fromhex("0x1.cf79abc9e3b39p-47")  # ln(2) / 128
SECOND, THIRD = float.fromhex("0x1.ffffffffffdbdp-2"), float.fromhex("0x1.555555555543cp-3")
FOURTH, FIFTH = float.fromhex("0x1.55555cf172b91p-5"), float.fromhex("0x1.1111167a4d017p-7")
REACH = 512.0  # of |x|; beyond, exp may leave the normal numbers, and goes to the C library


def table() -> tuple[np.ndarray, np.ndarray]:
    """2^(i/128), to float64 and what that leaves out, relative; the first less i 2^45 in its bits, for `scaled`."""
    digits = Context(prec=50)
    exact, root = [Decimal(1)], digits.power(Decimal(2), digits.divide(Decimal(1), Decimal(PARTS)))
    for _ in range(PARTS - 1):
        exact.append(digits.multiply(exact[-1], root))  # off by 1e-48, where a table's second word needs 1e-33
    high = np.array([float(each) for each in exact])
    low = [float((each - Decimal(near)) / Decimal(near)) for each, near in zip(exact, high.tolist(), strict=True)]
    return (high.view(np.int64) - (np.arange(PARTS) << 45)).view(np.float64), np.array(low)


HIGH, LOW = table()


@intrinsic
def widened(typing_context, a):
    """Sixteen float32 as float64."""
    kind = VECTORS[types.float64]
    return kind(a), lambda context, builder, sig, args: builder.fpext(args[0], kind.llvm)


@intrinsic
def narrowed(typing_context, a):
    """Sixteen float64 rounded to float32."""
    kind = VECTORS[types.float32]
    return kind(a), lambda context, builder, sig, args: builder.fptrunc(args[0], kind.llvm)


@intrinsic
def entries(typing_context, data, counter):
    """Sixteen entries of a table of 128 float64, named by the low seven bits of each counter."""
    whole = ir.VectorType(ir.IntType(64), LANES)

    def generate(context, builder, sig, args):
        low = builder.and_(builder.bitcast(args[1], whole), ir.Constant(whole, [PARTS - 1] * LANES))
        start = cgutils.create_struct_proxy(data)(context, builder, args[0]).data
        out = ir.Constant(args[1].type, ir.Undefined)
        for lane in range(LANES):
            at = ir.Constant(ir.IntType(32), lane)
            entry = builder.load(builder.gep(start, [builder.extract_element(low, at)]))
            out = builder.insert_element(out, entry, at)
        return out

    return counter(data, counter), generate


@intrinsic
def scaled(typing_context, a, counter):
    """Sixteen entries of HIGH times 2^n, where the low bits of a counter hold 128 n + i, as in k + 1.5 * 2^52."""
    whole = ir.VectorType(ir.IntType(64), LANES)

    def generate(context, builder, sig, args):
        exponent = builder.shl(builder.bitcast(args[1], whole), ir.Constant(whole, [45] * LANES))
        return builder.bitcast(builder.add(builder.bitcast(args[0], whole), exponent), a.llvm)

    return a(a, counter), generate


@njit(cache=True, error_model="numpy")
def exponential(x):
    """exp(x).

    Parameters
    ----------
    x : 16 lanes of float64
    """
    if less(x, splat(REACH)) & less(splat(-REACH), x) != 65535:  # NaN too
        return _each(x)
    counter = fma(x, splat(PER_LN2), splat(SHIFT))
    k = counter - splat(SHIFT)
    r = fma(k, splat(-LN2_LOW), fma(k, splat(-LN2_HIGH), x))
    r2 = r * r
    p = fma(r2, fma(r, splat(THIRD), splat(SECOND)), entries(LOW, counter) + r)
    p = fma(r2 * r2, fma(r, splat(FIFTH), splat(FOURTH)), p)
    scale = scaled(entries(HIGH, counter), counter)
    return fma(scale, p, scale)


@njit(cache=True, error_model="numpy")
def _each(x):
    """exp(x) by the C library.

    Parameters
    ----------
    x : 16 lanes of float64
    """
    values = aligned_zeros(LANES, np.float64)
    store(values, 0, x)
    for i in range(LANES):
        values[i] = math.exp(values[i])
    return load(values, 0)
