"""What proxy tasks on unlabeled photographs share."""

from selfsup import data, networks
from selfsup.training.image_watch import ImageWatch
from selfsup.training.optimizers import run_momentum
from selfsup.training.tasks.task import Task


class PretrainingTask(Task):
    """Base class of proxy tasks: fresh networks, collections of images.

    Args:
        config: A `PretrainingConfig`.
    """

    pretraining = True

    def __init__(self, config):
        super().__init__(config)
        self._watches = {}

    def input_config(self, **changes):
        """Returns what the configuration says of the input.

        Args:
            **changes: Fields that differ, such as `augment=False`.

        Returns:
            A `data.PipelineConfig`.
        """
        config = self.config
        fields = dict(
            data=config.data,
            val_data=config.val_data,
            val_fraction=0.0 if config.val_data else config.val_fraction,
            crop_size=config.crop_size,
            min_side=config.min_side,
            max_side=config.max_side,
            batch_size=config.batch_size,
            seed=config.seed,
        )
        return data.PipelineConfig(**{**fields, **changes})

    def open(self, part):
        config = self.config
        if part == "test" or (
            part == "held_out" and not config.val_data and not config.val_fraction
        ):
            return None
        subset = {"train": "train", "held_out": "val", "all": "all"}[part]
        images = data.images_of(self.input_config(subset=subset))
        # The training goes on without held-out images that are of no use.
        self._watches[id(images)] = ImageWatch(images, fatal=part != "held_out")
        return images

    def watch(self, samples):
        return self._watches[id(samples)]

    def watched(self, batches, samples):
        """Yields batches with a `status`, after `watch` has seen it."""
        watch = self.watch(samples)
        for batch in batches:
            watch(batch[3])
            yield batch

    def backbone(self, samples):
        config = self.config
        momentum = run_momentum(config.bn_momentum, config.num_steps(len(samples)))
        return networks.BUILDERS[config.network](
            width=config.width,
            padding=config.padding,
            normalization=config.normalization,
            bn_momentum=momentum,
            **(
                {}
                if config.network.startswith("resnet")
                else {"dropout": config.dropout}
            ),
        )

    def results(self, model, parts, strategy=None, journal=None):
        predict = self.predictor(model)
        train, held_out = parts["train"], parts.get("held_out")
        found = {
            "images": len(train),
            "unreadable_images": len(self.watch(train).unreadable),
            **self.facts(),
            "training": self.measure(predict, train, strategy),
        }
        if held_out is not None:
            found["held_out_images"] = len(held_out)
            found["held_out"] = self.measure(predict, held_out, strategy, batches=-1)
        return found

    def facts(self):
        """Returns what `results.json` holds beside the measures, a dict."""
        return {}
