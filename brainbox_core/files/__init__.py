"""Bytes in and out of a disk that may fail."""
