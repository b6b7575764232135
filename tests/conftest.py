"""What holds for every test."""

import os
import signal

# One BLAS thread, as `brainbox` has it, so that a training gives the same bits in this process and in one of its own.
# NumPy looks once, when it is loaded, which is later.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Started in the background, as by `make &`, a process inherits that Ctrl-C is ignored; commands under test honour that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as under nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
