"""What holds for every test."""

import signal

# Started in the background, as by `make &`, a process inherits that Ctrl-C is ignored; commands under test honour that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
