"""What the package needs of Keras' settings, which may come from other work."""

import keras


def require_tensorflow():
    """Refuses another backend than TensorFlow.

    Raises:
        RuntimeError: If Keras runs on another one.
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError(
            "Keras runs on another backend. Expected the TensorFlow backend. Received: "
            f"{keras.config.backend()}, from KERAS_BACKEND or keras.json"
        )


def require_float32():
    """Refuses another type of numbers than float32.

    Raises:
        ValueError: If Keras makes weights and losses of another one.
    """
    if keras.config.floatx() != "float32":
        raise ValueError(
            "Keras computes in another type. Expected float32, as by "
            "keras.config.set_floatx('float32'). "
            f"Received: {keras.config.floatx()}, from floatx of keras.json"
        )


def use_defaults():
    """Sets what a file of Keras' settings may have changed, for this process."""
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
