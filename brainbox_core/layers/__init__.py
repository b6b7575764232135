"""The layers: functions from tensor to tensor that know their parameters, their shapes and their cost."""

from brainbox_core.layers.activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from brainbox_core.layers.base import Cost, Layer
from brainbox_core.layers.convolution import AvgPool, Conv2D, MaxPool
from brainbox_core.layers.dense import Embedding, Flatten, Linear
from brainbox_core.layers.dropout import Dropout
from brainbox_core.layers.merge import Add, Concatenate
from brainbox_core.layers.normalization import BatchNorm
from brainbox_core.layers.recurrent import GRU, LSTM, RNN, carried, gradient_flow

# Model files name their layers; only these names are ever looked up, nothing is imported by name.
_TRAINED = (Linear, Embedding, Conv2D, BatchNorm, RNN, GRU, LSTM)
_FIXED = (Flatten, MaxPool, AvgPool, ReLU, LeakyReLU, Sigmoid, Tanh, Softmax, Dropout, Add, Concatenate)
KINDS: dict[str, type[Layer]] = {layer.__name__: layer for layer in (*_TRAINED, *_FIXED)}

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Add",
    "AvgPool",
    "BatchNorm",
    "Concatenate",
    "Conv2D",
    "Cost",
    "Dropout",
    "Embedding",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "Linear",
    "MaxPool",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "carried",
    "gradient_flow",
]
