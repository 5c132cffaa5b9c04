"""Program that times a step on JAX where TensorFlow is not installed.

KERAS_BACKEND=jax python tests/step_on_jax.py OUTPUT.npz FLAGS...

It prints what the benchmark prints, and writes the loss of its compiled step and the
weights after it, from other weights than the benchmark's own.
"""

import runpy
import sys

import on_jax


def _main(output, given):
    sys.meta_path.insert(0, on_jax.NoTensorFlow())
    import numpy as np

    from selfsup.analysis.benchmarks import jax_step, synthetic

    # Compiling takes longest, so it is done once.
    compiled, executables = jax_step.compiled, []

    def remembered(*args, **kwargs):
        executable, seconds = compiled(*args, **kwargs)
        executables.append(executable)
        return executable, seconds

    jax_step.compiled = remembered
    sys.argv[1:] = given
    try:
        runpy.run_module("selfsup.analysis.benchmarks.step", run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise

    import tiny_step

    model, optimizer = tiny_step.model_and_optimizer()
    state = jax_step.state_of(model, optimizer)
    loss, state = executables[0](state, synthetic.batch(*tiny_step.SIZES))
    jax_step.restore(model, optimizer, state)
    np.savez(output, loss=loss, **tiny_step.arrays(model))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
