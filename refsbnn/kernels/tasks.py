"""Tasks of a kernel on Numba's threads, without `prange`.

`prange` makes of a loop's body a function of its own, around it one for NumPy's kind of loops, and around that the code
that starts the threads; each of the three holds all that is called, is optimised and becomes machine code: two fifths
of the time that a long kernel takes to compile. `run` hands Numba's threads the tasks as they are.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, typing
from numba.extending import intrinsic
from numba.np.ufunc.parallel import _launch_threads

_launch_threads()  # compiled code that comes from the cache finds them

_WORD, _BYTES = ir.IntType(64), ir.IntType(8).as_pointer()
# What a thread calls, as NumPy's loops are called: (arrays, numbers of tasks, steps, data).
_PART = ir.FunctionType(ir.VoidType(), [_BYTES.as_pointer(), _WORD.as_pointer(), _WORD.as_pointer(), _BYTES])


@intrinsic
def run(typingctx: Any, kernel: Any, tasks: Any, arguments: Any) -> Any:
    """Call kernel(task, *arguments) for task = 0 ... tasks - 1, in parts of equal size on Numba's threads.

    Parameters
    ----------
    kernel : compiled function
        Of which no task needs another. It must not raise: there is no one to tell.
    tasks : int
    arguments : tuple
    """
    signature = kernel.get_call_type(typingctx, (types.int64, *arguments.types), {})

    def part(context: Any, builder: Any) -> Any:
        """The function that runs some tasks: the first is where "arrays" begin, at a byte each."""
        function = ir.Function(builder.module, _PART, builder.module.get_unique_name("tasks"))
        function.linkage = "internal"
        inner = ir.IRBuilder(function.append_basic_block())
        arrays, counts, _, data = function.args
        first = inner.ptrtoint(inner.load(arrays), _WORD)
        packed = inner.load(inner.bitcast(data, context.get_value_type(arguments).as_pointer()))
        values = cgutils.unpack_tuple(inner, packed, len(arguments.types))
        compiled = kernel.dispatcher.overloads[signature.args]
        context.active_code_library.add_linking_library(compiled.library)
        callee = context.declare_function(builder.module, compiled.fndesc)
        with cgutils.for_range(inner, inner.load(counts)) as loop:
            task = inner.add(first, loop.index)
            context.call_conv.call_function(inner, callee, signature.return_type, signature.args, [task, *values])
        inner.ret_void()
        return function

    def codegen(context: Any, builder: Any, _: Any, given: Any) -> Any:
        count, packed = given[1:]
        data = cgutils.alloca_once_value(builder, packed)
        arrays = cgutils.alloca_once_value(builder, ir.Constant(_BYTES, None))
        counts, steps = cgutils.alloca_once_value(builder, count), cgutils.alloca_once_value(builder, _WORD(1))
        module = builder.module
        threads = cgutils.get_or_insert_function(module, ir.FunctionType(_WORD, []), "get_num_threads")
        start = ir.FunctionType(ir.VoidType(), [_BYTES] * 5 + [_WORD] * 3)
        start = cgutils.get_or_insert_function(module, start, "numba_parallel_for")
        pointers = [builder.bitcast(each, _BYTES) for each in (part(context, builder), arrays, counts, steps, data)]
        builder.call(start, [*pointers, _WORD(1), _WORD(1), builder.call(threads, [])])
        return context.get_dummy_value()

    return typing.signature(types.none, kernel, types.int64, arguments), codegen
