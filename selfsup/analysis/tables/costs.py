"""What a run costs, before it is run."""

from typing import NamedTuple

from selfsup import networks
from selfsup.analysis.tables.running import TableData
from selfsup.training import tasks

# Photographs of ImageNet and Places together.
_PHOTOGRAPHS = 3_700_000

# Data that costs nothing: where it is may not be known yet.
_SOMEWHERE = TableData(
    data=("photographs",),
    labeled_data="photographs",
    voc_dir="VOC2012",
    voc2007_dir="VOC2007",
)


class Cost(NamedTuple):
    """What a run takes.

    Attributes:
        samples: Training samples; the most where a plateau ends the run.
        hours: Hours on the machine of the scale, or None if its speed with the network
            was not measured.
    """

    samples: int
    hours: float | None


def cost(recipe, speeds):
    """Returns the `Cost` of the last run of a recipe.

    Args:
        recipe: A `Recipe`.
        speeds: Dict from the name of a network to a pair: the images a second of a
            training step, and the side of its crops.
    """
    config = recipe.config(_SOMEWHERE.of(recipe.task))
    if tasks.get(recipe.task).pretraining:
        steps = config.num_steps(_PHOTOGRAPHS)
    else:
        steps = config.max_steps * (2 if config.retrain_on_all else 1)
    samples = steps * config.batch_size
    network = recipe.chain[0].settings["network"]
    if network not in speeds:
        return Cost(samples, None)
    rate, side = speeds[network]
    crop_size = config.crop_size or networks.ARCHITECTURES[network].crop_size
    return Cost(samples, samples * (crop_size / side) ** 2 / rate / 3600)
