"""What code outside a network's own file must know of it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from selfsup.networks import units


class Architecture(NamedTuple):
    """A network: how it is built, which layers it has and what it takes.

    Attributes:
        name: Name of the network, and of its models.
        builder: Function that builds it.
        options: Arguments of the builder that not all builders have.
        filters: Convolutions, from the input on, with their filters at width 1.
        taps: Layers of the hypercolumn, finest first.
        input_is_tap: Whether the input itself comes before them.
        residual: Whether it is a ResNet. Then branches are summed, so
            normalization can be neither absorbed nor replaced by rebalancing,
            and layers are named after their convolution in another way.
        crop_size: Height and width of the crops that it was made for.
        min_size: Smallest height and width of an image.
    """

    name: str
    builder: Callable
    options: tuple
    filters: Mapping
    taps: tuple
    input_is_tap: bool = True
    residual: bool = False
    crop_size: int = 224
    min_size: int = 1

    def names_after(self, convolution):
        """Returns the names of the layers that follow a convolution.

        Args:
            convolution: Name of a convolution of the network or of one of its
                field-of-view blocks.

        Returns:
            Names of the normalization, bias and ReLU layers.
        """
        if self.residual and convolution in self.filters:
            return units.residual_names(convolution)
        return units.sequential_names(convolution)
