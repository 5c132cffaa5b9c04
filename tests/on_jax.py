"""Program that writes what Keras on JAX computes where TensorFlow is not installed.

KERAS_BACKEND=jax python tests/on_jax.py OUTPUT.npz
"""

import importlib.abc
import sys


class NoTensorFlow(importlib.abc.MetaPathFinder):
    """Makes all packages of TensorFlow look as if they were not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("tensorflow"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def _main(output):
    sys.meta_path.insert(0, NoTensorFlow())
    import selfsup  # noqa: F401

    imported = sorted(name for name in sys.modules if name.startswith("selfsup"))

    import jax
    import numpy as np

    import neutral

    results = {
        **neutral.layer_outputs(),
        **neutral.loss_values(),
    }
    jax.config.update("jax_enable_x64", True)
    results.update(neutral.training_step())
    np.savez(output, imported=imported, **results)


if __name__ == "__main__":
    _main(sys.argv[1])
