# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a virtual display of its own: with_display.py COMMAND [ARGS]."""
import contextlib
import os
import shutil
import subprocess
import sys


@contextlib.contextmanager
def virtual_display():
    """Its DISPLAY. Needs Xvfb; throws RuntimeError where that does not come up."""
    read_end, write_end = os.pipe()
    # The server takes the first free display, and says which when it is ready. It does not start anew, unreachable
    # meanwhile, whenever the last window of a test has been closed.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1920x1200x24", "-nolisten", "tcp",
         "-noreset"],
        pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        os.close(write_end)
        with os.fdopen(read_end) as told:
            display = told.readline().strip()
        if not display:
            raise RuntimeError("Xvfb ended before it was ready")
        yield ":" + display
    finally:
        server.terminate()
        server.wait()


def main():
    if shutil.which("Xvfb") is None:
        print("skipped=: there is no Xvfb; install the package xvfb")
        return 0
    try:
        with virtual_display() as display:
            environment = dict(os.environ, DISPLAY=display)
            environment.pop("WAYLAND_DISPLAY", None)
            return subprocess.run(sys.argv[1:], env=environment).returncode
    except RuntimeError as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
