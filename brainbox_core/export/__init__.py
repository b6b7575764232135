"""Export of trained models to C headers for small devices: `c_header` writes one, checked against the model first."""

from brainbox_core.export.draft import Choices
from brainbox_core.export.exporter import Header, build, c_header
from brainbox_core.export.report import Report

__all__ = ["Choices", "Header", "Report", "build", "c_header"]
