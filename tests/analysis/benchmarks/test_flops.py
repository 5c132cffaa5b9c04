"""Operations of a tiny VGG-16 are those counted by hand."""

from selfsup import heads, networks
from selfsup.analysis.benchmarks import flops

# Channels at width 1/64, the side of their map in an image of 32 x 32, and that of the
# kernel; first what the layer reads.
_CONVOLUTIONS = (
    *[(1, 2, 32, 3), (2, 2, 32, 3)],
    *[(2, 2, 16, 3), (2, 2, 16, 3)],
    *[(2, 4, 8, 3), (4, 4, 8, 3), (4, 4, 8, 3)],
    *[(4, 8, 4, 3), (8, 8, 4, 3), (8, 8, 4, 3)],
    *[(8, 8, 2, 3), (8, 8, 2, 3), (8, 8, 2, 3)],
    *[(8, 64, 1, 7), (64, 64, 1, 1)],
)
_COLUMNS = 1 + 2 * 4 + 4 * 3 + 8 * 6 + 64 * 2


def test_operations_of_a_step_are_those_counted_by_hand():
    backbone = networks.vgg16(width=1 / 64)
    model = heads.colorizer(backbone, networks.taps(backbone), hidden=6, bins=5)
    macs = [
        inputs * filters * side**2 * kernel**2
        for inputs, filters, side, kernel in _CONVOLUTIONS
    ]
    # Seven points.
    macs += [7 * _COLUMNS * 6, 7 * 6 * 5, 7 * 6 * 5]
    found = flops.products(model, 32, 7)
    assert [product.macs for product in found] == macs
    assert flops.of_forward(model, 32, 7) == 2 * sum(macs)
    # The image needs no gradient.
    assert flops.of_step(model, 32, 7) == 6 * sum(macs) - 2 * macs[0]


def test_every_convolution_of_a_residual_network_counts():
    backbone = networks.resnet50(width=1 / 64, padding="bias")
    model = heads.colorizer(backbone, networks.taps(backbone)[-1:], hidden=6)
    found = {product.layer: product for product in flops.products(model, 64, 7)}
    assert len(found) == 1 + 4 + 3 * 16 + 3
    assert found["conv1"].macs == 2 * 49 * 32**2
    assert [name for name, product in found.items() if product.first] == ["conv1"]
