"""Runs the command: signals go through to it, and its end is ours.

Signals are waited for, not handled, because a wait tells who sent them: what the terminal sends (Ctrl-C), it sends to
the command as well, and only a signal that somebody sent to bench/quiet alone is passed on. When bench/quiet is killed,
the kernel sends the command SIGTERM: a benchmark that nobody watches would only disturb the next one.
"""

import ctypes
import os
import signal
import subprocess

PASSED_ON = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
WAITED_FOR = PASSED_ON | {signal.SIGCHLD}
SI_KERNEL = 0x80
PR_SET_PDEATHSIG = 1
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as shells have it

libc = ctypes.CDLL(None, use_errno=True)


def hold_signals():
    """From here on, signals wait until run() takes them."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_FOR)


def run(command, environment, say):
    """The command's exit status, 128 + n when signal n killed it. hold_signals() must have been called."""
    parent = os.getpid()

    def in_child():
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED_FOR)

    early = PASSED_ON & signal.sigpending()
    if early:
        return 128 + min(early)
    try:
        process = subprocess.Popen(command, env=environment, preexec_fn=in_child)
    except OSError as error:
        say("%s: %s" % (command[0], error.strerror))
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    while process.poll() is None:
        received = signal.sigwaitinfo(WAITED_FOR)
        if received.si_signo != signal.SIGCHLD and received.si_code != SI_KERNEL:
            process.send_signal(received.si_signo)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode
