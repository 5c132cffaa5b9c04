"""The report on a trained colorizer: numbers and pictures of held-out images."""

import numpy as np

from selfsup import data, inference, pictures
from selfsup.evaluation import colorization, sheets
from selfsup.progress import progress_bar


def evaluate_colorizer(model, config, constants=None, pictures_path=None):
    """Evaluates a colorizer on every image of a collection.

    Args:
        model: A colorizer for points.
        config: A `data.PipelineConfig` with `augment=False`; its `subset` says
            which images.
        constants: What `constant_predictions` returned for training images;
            None takes the best constant of the evaluated images themselves, a
            stricter baseline.
        pictures_path: Where to draw a contact sheet, or None.

    Returns:
        A dict of numbers: `images`, `point_metrics`' for each output, and
        `image_metrics`' of whole images.

    Raises:
        ValueError: If an image can't be decoded; it is named.
    """
    images = data.images_of(config)
    side = (config.min_side + config.max_side) // 2
    batches = data.pipeline(config, status=True, images=images)

    def checked(name):
        total = -(-len(images) // config.batch_size)
        for batch in progress_bar(batches, name, total, unit="batch"):
            data.require_decoded(batch[3], images)
            yield batch

    if constants is None:
        constants = colorization.constant_predictions(checked("baseline"))
    points = colorization.point_metrics(
        inference.point_predictor(model), checked("points"), constants
    )
    predict = inference.dense_predictor(model)
    whole = (
        image.astype(np.float32) / 255.0
        for _, image in progress_bar(data.whole_images(images), "images", len(images))
    )
    metrics = colorization.image_metrics(predict, whole, side)
    if pictures_path is not None:
        shown = {"held out": sheets.choose_images(images, count=12)}
        sheet = sheets.colorization_sheet(predict, shown, side)
        pictures.save_image(pictures_path, sheet)
    return {"images": len(images), **points, **metrics}
