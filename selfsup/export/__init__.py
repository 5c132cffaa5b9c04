"""SavedModels for TensorFlow Serving that decode images; other files of models."""

from selfsup import backend, lazy

__all__, __getattr__, __dir__ = lazy.exports(
    __name__,
    {
        "METADATA": "saved_model",
        "ExportConfig": "config",
        "ExportedModel": "exported_model",
        "check": "graph_check",
        "convert": "conversion",
        "convert_run": "conversion",
        "export_model": "saved_model",
        "is_file_format": "conversion",
        "next_version": "saved_model",
        "of_stock_layers": "plain",
        "open_model": "exported_model",
        "write": "saved_model",
    },
    check=backend.require_tensorflow,
)
