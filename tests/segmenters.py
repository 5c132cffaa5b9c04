"""Small segmenters and a folder for them, and their answers without the package."""

import dataclasses
import functools
import pathlib
import weakref

import cv2
import keras
import numpy as np
import PIL.Image
import scipy.special

from selfsup import data, heads, networks

import fakes

CLASSES = ("background", "cat", "dog", "sheep", "unicorn")


# (height, width); an odd number of images.
SIZES = ((24, 33), (41, 26), (30, 30), (19, 50), (37, 21))


PHOTOS = sorted(pathlib.Path(data.__file__).parent.glob("photos/*.jpg"))


def photo(height, width, number=0):
    """A crop of an embedded photograph, `[H, W, 3]`, uint8."""
    image = cv2.imread(str(PHOTOS[number]))[80 : 80 + height, 60 : 60 + width]
    return image[..., ::-1]


def network_values(image, color=False):
    image = image.astype(np.float64) / 255
    image = image if color else image.mean(axis=-1, keepdims=True)
    return (image - 0.4488).astype(np.float32)


def input(*size, color=False):
    return network_values(photo(*size), color)


def segmenter(classes=5, color=False):
    """A segmenter on two maps, one of every pixel and one of every fourth."""
    x = keras.Input((None, None, 3 if color else 1), name="rgb" if color else "gray")
    convolution = functools.partial(keras.layers.Conv2D, padding="same")
    fine = convolution(4, 3, activation="relu", name="fine")(x)
    coarse = convolution(6, 5, 4, activation="relu", name="coarse")(fine)
    taps = networks.Tap("fine", 1, 0, 4), networks.Tap("coarse", 4, 1.5, 6)
    model = heads.segmenter(keras.Model(x, coarse), taps, classes, hidden=8)
    return balanced(fakes.randomize(model, bias=0.2), color)


def balanced(model, color=False):
    """Lets all classes occur but the last one, which wins nowhere."""
    photos = [network_values(photo(40, 40, i), color) for i in range(len(SIZES))]
    logits = heads.dense(model)(np.stack(photos))["classes"].numpy()
    deviation = logits.std((0, 1, 2))
    bias = -logits.mean((0, 1, 2)) / deviation
    bias[-1] = -1000.0
    prediction = model.get_layer("prediction")
    prediction.kernel.assign(prediction.kernel / deviation)
    # The random bias is part of the mean.
    prediction.bias.assign(prediction.bias / deviation + bias)
    return model


def write_folder(root):
    """Writes a VOC folder of five images; the last mask is void."""
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for number, size in enumerate(SIZES):
        image = photo(*size, number)
        cv2.imwrite(str(root / f"JPEGImages/{number}.jpg"), image[..., ::-1])
        mask = np.array([0, 1, 2, 3, 255], np.uint8)[image.sum(axis=-1) % 5]
        if number == len(SIZES) - 1:
            mask[:] = 255
        cv2.imwrite(str(root / f"SegmentationClass/{number}.png"), mask)
    names = "\n".join(str(number) for number in range(len(SIZES)))
    (root / "ImageSets/Segmentation/val.txt").write_text(names)
    (root / "classes.txt").write_text("\n".join(CLASSES))
    return root


class Watched(data.voc.SegmentationSet):
    """Records which images and masks were read, and how many images are alive."""

    def watch(self):
        for name, value in (("read", []), ("references", []), ("most", 0)):
            object.__setattr__(self, name, value)
        return self

    def image(self, index):
        image = super().image(index)
        self.read.append(("image", index))
        self.references.append(weakref.ref(image))
        alive = sum(reference() is not None for reference in self.references)
        object.__setattr__(self, "most", max(self.most, alive))
        return image

    def mask(self, index):
        self.read.append(("mask", index))
        return super().mask(index)


def open(root):
    samples = data.voc.open_segmentation(root, "val")
    return Watched(**dataclasses.asdict(samples)).watch()


def by_brightness(image):
    """A predictor whose class maps are known."""
    # Input values are from -0.4488 to 0.5512.
    return keras.ops.cast(4 * (image[..., 0] + 0.44879), "uint8")


def brightness_of(image):
    return np.uint8(4 * (image.mean(axis=-1) / 255 - 0.00001))


def resized(values, size):
    """Bilinear, with the pixels' centers at halves, one axis after the other."""
    for axis, length in enumerate(size):
        count = values.shape[axis]
        positions = (np.arange(length) + 0.5) * count / length - 0.5
        interpolate = functools.partial(np.interp, positions, np.arange(count))
        values = np.apply_along_axis(interpolate, axis, values)
    return values


def antialiased(image, scale):
    """Scales an image `[H, W, C]` with Pillow."""
    height, width = (max(1, int(np.rint(n * scale))) for n in image.shape[:2])
    channels = [
        np.asarray(
            PIL.Image.fromarray(channel).resize(
                (width, height), PIL.Image.Resampling.BILINEAR
            )
        )
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack(channels, axis=-1)


def probabilities(dense, image, stride=1, scales=(1.0,), flip=False):
    """The mean probabilities `[H, W, K]`, scale by scale."""
    maps = []
    for scale in scales:
        scaled = antialiased(image, scale)
        for step in (1, -1) if flip else (1,):
            logits = dense(scaled[None, :, ::step])["classes"].numpy()[0]
            values = scipy.special.softmax(logits.astype(np.float64), axis=-1)
            values = resized(values, [stride * n for n in values.shape[:2]])
            values = values[: scaled.shape[0], : scaled.shape[1]]
            maps.append(resized(values, image.shape[:2])[:, ::step])
    return np.mean(maps, axis=0)


def loop(truth, prediction, classes):
    """Counts pixel by pixel."""
    counts = np.zeros([classes, classes], int)
    for true, predicted in zip(truth.ravel(), prediction.ravel(), strict=True):
        if true != 255:
            counts[true, predicted] += 1
    return counts
