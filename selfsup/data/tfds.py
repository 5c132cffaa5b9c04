"""Data sets of TensorFlow Datasets as streams of encoded images."""

import importlib.util

from selfsup import paths
from selfsup.data.shards import ShardImages

PREFIX = paths.TFDS


def open_split(spec, val_fraction=0.0, subset="all"):
    """Opens `tfds:NAME/SPLIT`, or the part of it that `subset` names.

    The data set must have been prepared; nothing is downloaded. Its folder is
    TensorFlow Datasets' own; the variable TFDS_DATA_DIR changes it.

    Args:
        spec: `tfds:NAME/SPLIT`; NAME may hold a config and a version, SPLIT a
            slice such as `train[:10%]`.
        val_fraction: Fraction held out at the end of the split.
        subset: `"train"`, `"val"` or `"all"`.

    Returns:
        A `ShardImages`.

    Raises:
        ValueError: If the specification, the data set or its storage is not
            one that can be read.
        FileNotFoundError: If the data set has not been prepared.
        ImportError: If TensorFlow Datasets is not installed.
    """
    builder, shards = _prepared(spec)
    total = sum(take for _, _, take in shards)
    if val_fraction:
        train, val = _cut(shards, total - max(1, round(val_fraction * total)))
        shards = val if subset == "val" else train
    if not shards:
        raise ValueError(
            "A source holds no images. Expected at least one example on each side "
            f"of the held-out split. Received: {spec!r} with {total} examples"
        )
    return ShardImages(spec, shards, _image_reader(builder.info.features, spec))


def read_labels(spec):
    """Reads the classes of a split's examples; it reads all of its shards once.

    Args:
        spec: `tfds:NAME/SPLIT`, as of `open_split`.

    Returns:
        A pair: the names of the classes, and a list of each example's class as one of
        them, in the order of `open_split`.

    Raises:
        ValueError: If the examples have no class, or as `open_split`.
        FileNotFoundError: If the data set has not been prepared.
    """
    builder, shards = _prepared(spec)
    import tensorflow_datasets as tfds

    features = builder.info.features
    label = tfds.features.ClassLabel
    keys = [key for key, feature in features.items() if isinstance(feature, label)]
    if not keys or (len(keys) > 1 and "label" not in keys):
        raise ValueError(
            "A data set of TensorFlow Datasets has no label. Expected one feature of "
            "type ClassLabel, or one of several that is called label. "
            f"Received: {spec!r} with features {sorted(features)}"
        )
    key = "label" if "label" in keys else keys[0]
    kept = tfds.decode.PartialDecoding({key: True}).extract_features(features)
    labels = ShardImages(
        spec, shards, lambda record: kept.deserialize_example(record)[key]
    )
    stream = labels.stream(0, shuffle=False).map(lambda _, label: label)
    numbers = list(stream.as_numpy_iterator())
    if -1 in numbers:
        raise ValueError(
            "Examples have no label. Expected a split whose labels are public. "
            f"Received: {numbers.count(-1)} of {len(numbers)} without one in {spec!r}"
        )
    names = tuple(features[key].names)
    return names, [names[number] for number in numbers]


def _prepared(spec):
    """Returns the builder of a prepared data set, and the shards of its split."""
    if not importlib.util.find_spec("tensorflow_datasets"):
        raise ImportError(
            "TensorFlow Datasets is not installed. Expected: pip install -e '.[tfds]'. "
            f"Received: {spec!r}"
        )
    import tensorflow_datasets as tfds

    name, _, split = spec.removeprefix(PREFIX).rpartition("/")
    if not name or not split:
        raise ValueError(
            "A source of TensorFlow Datasets is incomplete. Expected "
            f"{PREFIX}NAME/SPLIT. Received: {spec!r}"
        )
    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            "TensorFlow Datasets has no such data set. Expected a name it lists, or "
            f"one in its data folder. Received: {spec!r}"
        ) from error
    if not builder.info.splits:
        raise FileNotFoundError(
            "A data set has not been prepared. Expected its files in "
            f"{builder.data_dir} (TFDS_DATA_DIR), made by "
            f"tfds.builder({name!r}).download_and_prepare(). Received: {spec!r}"
        )
    try:
        shards = _shards(builder.info.splits[split].file_instructions)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"Data set {name!r} has no such split. Expected one of "
            f"{sorted(builder.info.splits)} or a slice of it. Received: {split!r}"
        ) from error
    if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
        raise ValueError(
            "A data set is stored in a format that can't be streamed. Expected "
            f"TFRecord. Received: {builder.info.file_format.value} of {spec!r}"
        )
    return builder, shards


def _shards(instructions):
    """Returns (file, skip, take) triples of TFDS' file instructions."""
    triples = []
    for item in instructions:
        rest = item.examples_in_shard - item.skip
        take = rest if item.take < 0 else min(item.take, rest)
        triples.append((str(item.filename), int(item.skip), int(take)))
    return triples


def _cut(shards, count):
    """Splits shards behind the first `count` examples."""
    head, tail = [], []
    for name, skip, take in shards:
        first = min(max(count, 0), take)
        if first:
            head.append((name, skip, first))
        if take > first:
            tail.append((name, skip + first, take - first))
        count -= take
    return head, tail


def _image_reader(features, spec):
    """Returns a function from a serialized example to its encoded image."""
    import tensorflow_datasets as tfds

    keys = [key for key, f in features.items() if isinstance(f, tfds.features.Image)]
    # Segmentation masks are images too, of one channel.
    keys.sort(key=lambda key: (features[key].shape[-1] == 1, key != "image", key))
    if not keys:
        raise ValueError(
            "A data set of TensorFlow Datasets has no image. Expected a feature of "
            f"type Image. Received: {spec!r} with features {sorted(features)}"
        )
    wanted = {keys[0]: tfds.decode.SkipDecoding()}
    partial = tfds.decode.PartialDecoding({keys[0]: True}, decoders=wanted)
    kept = partial.extract_features(features)

    def read(serialized):
        return kept.deserialize_example(serialized, decoders=wanted)[keys[0]]

    return read
