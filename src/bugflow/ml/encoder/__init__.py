"""Turning texts into vectors that are near each other where texts mean nearly the same."""

from bugflow.ml.encoder.encoding import OnnxEncoder
from bugflow.ml.encoder.opening import open_encoder
from bugflow.ml.encoder.sharing import SharedEncoder
from bugflow.ml.encoder.statistics import EncoderStatistics

__all__ = ["EncoderStatistics", "OnnxEncoder", "SharedEncoder", "open_encoder"]
