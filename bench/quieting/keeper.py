"""The process that puts things back, whatever happens to bench/quiet.

It is forked before anything is changed and waits for the end of a pipe whose other end only bench/quiet has. That end
closes when bench/quiet says so, and also when it dies of whatever signal, kill -9 too. Then the keeper restores what
the state file names, in a session of its own and deaf to the terminal's signals. It shares the lock's descriptor, so
that nobody else can begin before that. When the keeper itself was killed, bench/quiet does its work; when both were,
the next one does.
"""

import os
import signal
import sys

from quieting import settings, state

DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGPIPE,
           signal.SIGUSR1, signal.SIGUSR2)


class Keeper:
    def __init__(self, system, name, say):
        self.system, self.name, self.say = system, name, say
        reading, self.writing = os.pipe()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.writing)
            self._keep(reading)
        os.close(reading)

    def _keep(self, reading):
        """The keeper's whole life; does not return."""
        status = 1
        try:
            for number in DEAF_TO:
                signal.signal(number, signal.SIG_IGN)
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            while os.read(reading, 1):
                pass
            status = self._put_back()
        finally:
            os._exit(status)

    def _put_back(self):
        """0 when everything is back. What is not is told."""
        try:
            failures = state.put_back(self.system, self.name)
        except (state.StateError, OSError) as error:
            self.say("not put back: %s" % error)
            return 1
        for line in settings.grouped(failures):
            self.say("not put back: " + line)
        return 0

    def finish(self):
        """Has everything put back, and waits for it."""
        os.close(self.writing)
        _, status = os.waitpid(self.pid, 0)
        if status != 0:
            self._put_back()
