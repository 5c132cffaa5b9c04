"""Data sets of TensorFlow Datasets as streams of encoded images."""

from selfsup.data.shards import ShardImages

PREFIX = "tfds:"


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
    """
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
            "TensorFlow Datasets has no such data set. Expected a name it lists, "
            f"or one prepared in its data folder. Received: {name!r} in {spec!r}"
        ) from error
    if not builder.info.splits:
        raise FileNotFoundError(
            f"Data set {name!r} has not been prepared. Expected its files in "
            f"{builder.data_dir}; tfds.builder({name!r}).download_and_prepare() makes "
            f"them, and the variable TFDS_DATA_DIR names the folder. Received: {spec!r}"
        )
    try:
        total = builder.info.splits[split].num_examples
        if val_fraction:
            held_out = max(1, round(val_fraction * total))
            # Read as absolute numbers of the whole split, in TFDS' own way.
            whole = builder.info.splits[split].file_instructions
            parts = _cut(whole, total - held_out)
            instructions = parts[0] if subset == "train" else parts[1]
        else:
            instructions = builder.info.splits[split].file_instructions
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"Data set {name!r} has no such split. Expected one of "
            f"{sorted(builder.info.splits)} or a slice of it. Received: {split!r}"
        ) from error
    if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
        raise ValueError(
            f"Data set {name!r} is stored in a format that can't be streamed. "
            f"Expected TFRecord. Received: {builder.info.file_format.value}"
        )
    if not sum(taken for _, _, taken in _plain(instructions)):
        raise ValueError(
            "A source holds no images. Expected at least one example on each side "
            f"of the held-out split. Received: {spec!r} with {total} examples"
        )
    return ShardImages(spec, _plain(instructions), _image_reader(builder, spec))


def _plain(instructions):
    """Returns (file, skip, take) triples of TFDS' file instructions."""
    triples = []
    for item in instructions:
        if isinstance(item, tuple):
            triples.append(item)
        else:
            take = item.examples_in_shard if item.take < 0 else item.take
            take = min(take, item.examples_in_shard - item.skip)
            triples.append((str(item.filename), int(item.skip), int(take)))
    return triples


def _cut(instructions, count):
    """Splits file instructions behind the first `count` examples."""
    head, tail = [], []
    for name, skip, take in _plain(instructions):
        first = min(max(count, 0), take)
        if first:
            head.append((name, skip, first))
        if take > first:
            tail.append((name, skip + first, take - first))
        count -= take
    return head, tail


def _image_reader(builder, spec):
    """Returns a function from a serialized example to its encoded image."""
    import tensorflow_datasets as tfds

    features = builder.info.features
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
