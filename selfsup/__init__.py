"""Self-supervised visual features by colorization.

`import selfsup` imports Keras and `selfsup.layers`, so that `keras.saving.load_model`
knows the layers of our models. All else is imported on first use. A model that was
compiled with our losses or optimizer is loaded with `compile=False`, or after
`selfsup.losses` and `selfsup.training.optimizers` were imported.

`layers`, `networks`, `heads`, `losses` and `training.optimizers` need Keras alone and
run on each of its backends; the rest needs TensorFlow.
"""

import sys

from selfsup import lazy, quiet

# While Python looks for the module of `-m`; of ours, it imports the package before
# `__main__`.
if sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)] == __name__:
    import selfsup_command

    selfsup_command.take_screen()

with quiet.importing():
    from selfsup import layers as layers

__version__ = "0.2.0"

__all__, __getattr__, __dir__ = lazy.exports(
    __name__,
    modules=[
        "color",
        "data",
        "evaluation",
        "export",
        "heads",
        "inference",
        "layers",
        "losses",
        "networks",
        "pictures",
        "runs",
        "targets",
        "training",
        "weights",
    ],
)
__all__ += ["__version__"]
