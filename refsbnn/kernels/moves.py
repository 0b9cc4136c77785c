"""Rows of arrays: copied sixteen numbers at a time, read as floats whatever they are, asked for ahead of their use."""

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from refsbnn.kernels.simd import LANES, load, store


@intrinsic
def fetch(typing_context, data, index):
    """Bring the cache line of data[index] near; nothing happens where that lies outside the array.

    For rows that lie too far apart for the processor to see the next one coming.
    """

    def generate(context, builder, sig, args):
        index = context.cast(builder, args[1], sig.args[1], types.intp)
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        place = builder.bitcast(builder.gep(args[0], [index]), byte)
        builder.call(function, [place, *(ir.Constant(flag, value) for value in (0, 3, 1))])  # to read, all caches, data
        return context.get_dummy_value()

    return types.none(data, index), generate


@intrinsic
def load_values(typing_context, data, index, like):
    """Sixteen entries from data[index] on, bytes or floats, as a vector of the type of `like`."""

    def generate(context, builder, sig, args):
        start = args[0]
        if isinstance(data, types.Array):
            start = cgutils.create_struct_proxy(data)(context, builder, start).data
        place = builder.gep(start, [context.cast(builder, args[1], sig.args[1], types.intp)])
        wide = ir.VectorType(context.get_value_type(data.dtype), LANES)
        value = builder.load(builder.bitcast(place, wide.as_pointer()))
        value.align = 1
        return builder.uitofp(value, like.llvm) if data.dtype == types.uint8 else value

    return like(data, index, like), generate


def _halves(first):
    @intrinsic
    def taken(typing_context, a, b):
        def generate(context, builder, sig, args):
            places = [*range(first, first + LANES // 2), *range(LANES + first, LANES + first + LANES // 2)]
            return builder.shuffle_vector(*args, ir.Constant(ir.VectorType(ir.IntType(32), LANES), places))

        return a(a, b), generate

    return taken


low_halves = _halves(0)  # (a, b): the first eight of each as one vector
high_halves = _halves(LANES // 2)  # the last eight


@njit(cache=True, error_model="numpy")
def copy(source, at, target, to, count):
    """target[to : to + count] = source[at : at + count], sixteen at a time.

    Parameters
    ----------
    source : array of float, or its address
    at : int
    target : array of the same float type, or its address
    to, count : int
    """
    whole = count // LANES * LANES
    for j in range(0, whole, LANES):
        store(target, to + j, load(source, at + j))
    for j in range(whole, count):
        target[to + j] = source[at + j]
