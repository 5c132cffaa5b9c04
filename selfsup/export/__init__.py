"""SavedModels for TensorFlow Serving that decode images; ONNX and LiteRT files."""

from selfsup.export.conversion import convert, convert_run, is_file_format
from selfsup.export.saved_model import FACTS, export_model, next_version, write
from selfsup.export.settings import ExportSettings
from selfsup.export.stock_ops import check
from selfsup.export.subjects import Subject, open_subject

__all__ = [
    "FACTS",
    "ExportSettings",
    "Subject",
    "check",
    "convert",
    "convert_run",
    "export_model",
    "is_file_format",
    "next_version",
    "open_subject",
    "write",
]
