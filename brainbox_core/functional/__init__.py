"""The kernels as differentiable operations on tensors, one node each, and the operations that join several tensors."""

from brainbox_core.functional.operations import (
    avg_pool2d,
    batch_norm,
    binary_cross_entropy,
    concat,
    conv1d,
    conv2d,
    cross_entropy_of_labels,
    depthwise_conv2d,
    embedding,
    layer_norm,
    leaky_relu,
    linear,
    log_softmax,
    max_pool2d,
    maximum,
    minimum,
    pad,
    softmax,
    softmax_cross_entropy,
    sparse_linear,
    stack,
    where,
)
from brainbox_core.functional.recurrence import Unrolled, gru, lstm, rnn
