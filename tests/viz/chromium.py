# SPDX-License-Identifier: Apache-2.0
"""A Chromium without a window, over its debugging pipe: no port, no library."""

import base64
import json
import os
import shutil
import subprocess
import tempfile

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find():
    """The program, or None. CHROMIUM names one that is not in PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    def __init__(self, program, width, height, *arguments):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self.to = os.pipe()
        self.back, from_browser = os.pipe()

        # The browser reads 3 and writes 4. Higher copies first: one of ours may have such a number.
        def connect():
            reads, writes = os.dup(to_browser), os.dup(from_browser)
            high_reads, high_writes = os.dup2(reads, 60), os.dup2(writes, 61)
            os.dup2(high_reads, 3)
            os.dup2(high_writes, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--window-size={width},{height}", f"--user-data-dir={self.folder.name}", *arguments, "about:blank"],
            preexec_fn=connect, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.unread = b""
        self.number = 0
        self.session = None
        self.complaints = []
        self.loaded = False
        target = self.call("Target.createTarget", url="about:blank", width=width, height=height)["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def close(self):
        os.close(self.to)
        os.close(self.back)
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def message(self):
        while b"\0" not in self.unread:
            got = os.read(self.back, 1 << 20)
            if not got:
                raise RuntimeError("Chromium ended")
            self.unread += got
        text, self.unread = self.unread.split(b"\0", 1)
        return json.loads(text)

    def heard(self, message):
        method, given = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(given["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(given["args"]))
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.complaints.append(given["entry"]["text"])

    def call(self, method, **given):
        self.number += 1
        request = {"id": self.number, "method": method, "params": given}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.heard(message)

    def open(self, url):
        self.loaded = False
        # Without a loader only the part after "#" is another one, and nothing is loaded.
        loads = "loaderId" in self.call("Page.navigate", url=url)
        while loads and not self.loaded:
            self.heard(self.message())
        self.call("Runtime.evaluate", expression="document.fonts.ready", awaitPromise=True)

    def evaluate(self, expression):
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise RuntimeError(json.dumps(got["exceptionDetails"]))
        return got["result"].get("value")

    def press(self, key, shift=False):
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, modifiers=8 if shift else 0,
                      **(text if kind == "keyDown" else {}))

    def picture(self, file):
        with open(file, "wb") as to:
            to.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
