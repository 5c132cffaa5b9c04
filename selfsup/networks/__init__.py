"""Backbones: AlexNet, VGG-16, ResNet-50 and ResNet-152, and their taps."""

from selfsup.networks.alexnet import alexnet
from selfsup.networks.architecture import Architecture
from selfsup.networks.description import build, describe
from selfsup.networks.geometry import Tap, grids
from selfsup.networks.registry import (
    ARCHITECTURES,
    is_network,
    recognize,
    taps,
)
from selfsup.networks.resnet import resnet50, resnet152
from selfsup.networks.vgg16 import vgg16

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Tap",
    "alexnet",
    "build",
    "describe",
    "grids",
    "is_network",
    "recognize",
    "resnet50",
    "resnet152",
    "taps",
    "vgg16",
]
