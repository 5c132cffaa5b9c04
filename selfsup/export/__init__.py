"""SavedModels for TensorFlow Serving that decode images; ONNX and LiteRT files."""

from selfsup.export.config import ExportConfig
from selfsup.export.conversion import convert, convert_run, is_file_format
from selfsup.export.exported_model import ExportedModel, open_model
from selfsup.export.graph_check import check
from selfsup.export.saved_model import METADATA, export_model, next_version, write

__all__ = [
    "METADATA",
    "ExportConfig",
    "ExportedModel",
    "check",
    "convert",
    "convert_run",
    "export_model",
    "is_file_format",
    "next_version",
    "open_model",
    "write",
]
