"""The layers: functions from tensor to tensor that know their parameters, their shapes and their cost."""

from brainbox_core.layers.activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from brainbox_core.layers.base import Cost, Layer
from brainbox_core.layers.bidirectional import Bidirectional
from brainbox_core.layers.convolution import Conv1D, Conv2D, DepthwiseConv2D, SeparableConv2D, ZeroPadding
from brainbox_core.layers.dense import Embedding, Flatten, Linear
from brainbox_core.layers.merge import Add, Concatenate
from brainbox_core.layers.normalization import BatchNorm, LayerNorm
from brainbox_core.layers.pooling import AvgPool, AvgPool1D, GlobalAvgPool, GlobalMaxPool, MaxPool, MaxPool1D
from brainbox_core.layers.recurrent import GRU, LSTM, RNN, carried, gradient_flow
from brainbox_core.layers.regularization import Dropout, penalty

# Model files name their layers; only these names are ever looked up, nothing is imported by name.
_TRAINED = (Linear, Embedding, Conv1D, Conv2D, DepthwiseConv2D, SeparableConv2D, BatchNorm, LayerNorm)
_RECURRENT = (RNN, GRU, LSTM, Bidirectional)
_SHAPING = (Flatten, ZeroPadding, MaxPool, MaxPool1D, AvgPool, AvgPool1D, GlobalMaxPool, GlobalAvgPool)
_FIXED = (ReLU, LeakyReLU, Sigmoid, Tanh, Softmax, Dropout, Add, Concatenate)
KINDS: dict[str, type[Layer]] = {layer.__name__: layer for layer in (*_TRAINED, *_RECURRENT, *_SHAPING, *_FIXED)}

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Add",
    "AvgPool",
    "AvgPool1D",
    "BatchNorm",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Cost",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool",
    "MaxPool1D",
    "ReLU",
    "SeparableConv2D",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "ZeroPadding",
    "carried",
    "gradient_flow",
    "penalty",
]
