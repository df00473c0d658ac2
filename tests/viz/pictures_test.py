#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures from outside: what others than the library that wrote them find in the files."""

import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path
from xml.etree import ElementTree

PROGRAM = os.environ["SAMPLE_PICTURES"]
TITLE = "Příliš žluťoučký kůň: a <sample> & all its parts"
DESCRIPTION = "Every primitive and every state, for tests and eyes."
SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"


class Files(unittest.TestCase):
    arguments = ()

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        subprocess.run([PROGRAM, cls.folder, *cls.arguments], check=True)


class Png(Files):
    def chunks(self):
        data = (self.folder / "sample.png").read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        at = 8
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            named = data[at + 4 : at + 8 + length]
            (checksum,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
            self.assertEqual(checksum, zlib.crc32(named), named[:4])
            yield named[:4], named[4:]
            at += 12 + length

    def test_chunks_are_whole_and_in_order(self):
        names = [name for name, _ in self.chunks()]
        self.assertEqual(names[0], b"IHDR")
        self.assertEqual(names[-1], b"IEND")
        self.assertIn(b"IDAT", names)

    def test_has_the_size_of_the_scene(self):
        header = dict(self.chunks())[b"IHDR"]
        self.assertEqual(struct.unpack(">II", header[:8]), (1280, 720))

    def test_carries_title_and_description(self):
        texts = {}
        for name, data in self.chunks():
            if name == b"iTXt":
                keyword, rest = data.split(b"\0", 1)
                self.assertEqual(rest[:4], b"\0\0\0\0")
                texts[keyword.decode()] = rest[4:].decode()
        self.assertEqual(texts, {"Title": TITLE, "Description": DESCRIPTION})


class Svg(Files):
    def setUp(self):
        self.root = ElementTree.parse(self.folder / "sample.svg").getroot()

    def test_is_measured_in_pixels(self):
        self.assertEqual(self.root.tag, SVG + "svg")
        self.assertEqual(self.root.get("width"), "1280px")
        self.assertEqual(self.root.get("height"), "720px")
        self.assertEqual(self.root.get("viewBox"), "0 0 1280 720")

    def test_carries_title_and_description(self):
        self.assertEqual(self.root[0].tag, SVG + "title")
        self.assertEqual(self.root[0].text, TITLE)
        self.assertEqual(self.root.find(SVG + "desc").text, DESCRIPTION)
        self.assertEqual(self.root.get("role"), "img")

    def test_ids_are_unique_and_references_meet_them(self):
        ids = [e.get("id") for e in self.root.iter() if e.get("id")]
        self.assertEqual(len(ids), len(set(ids)))
        used = [e.get(HREF) for e in self.root.iter() if e.get(HREF)]
        self.assertGreater(len(used), 300)  # the letters
        for reference in used:
            self.assertIn(reference.removeprefix("#"), ids)

    def test_each_pane_clips(self):
        self.assertGreaterEqual(sum(1 for _ in self.root.iter(SVG + "clipPath")), 4)


class Pdf(Files):
    def setUp(self):
        self.data = (self.folder / "sample.pdf").read_bytes()

    def assert_has(self, text):
        self.assertTrue(text.encode() in self.data, text)

    def streams(self):
        for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", self.data, re.DOTALL):
            try:
                yield zlib.decompress(match.group(1))
            except zlib.error:
                yield match.group(1)

    def test_has_a_page_for_each_scene_in_its_size(self):
        pages = re.findall(rb"/Type /Page\b.*?/MediaBox \[ ([0-9. ]+?) \]", self.data, re.DOTALL)
        sizes = [tuple(float(n) for n in page.split()) for page in pages]
        large, small = (0, 0, 1280, 720), (0, 0, 640, 360)
        self.assertEqual(sizes, [large, small, large])

    def test_has_a_title_and_a_fixed_date(self):
        utf16 = ("\ufeff" + TITLE).encode("utf-16-be").hex().upper()
        self.assert_has(f"/Title <{utf16}>\n   /Subject ({DESCRIPTION})")
        self.assert_has("/CreationDate (20000101000000")

    def test_lists_its_pages_by_title(self):
        self.assert_has("/Title (The second page)")

    def test_its_letters_are_known_as_characters(self):
        maps = b"".join(s for s in self.streams() if b"begincmap" in s).lower()
        for character in "ř▶⏸✓aλ":
            self.assertTrue(b"<%04x>" % ord(character) in maps, character)


@unittest.skipUnless(shutil.which("ffmpeg"), "ffmpeg is not in PATH")
class Video(Files):
    arguments = ("films",)

    def frames(self, name):
        """The first pixel of each frame, and the time on which the file says that it begins."""
        command = ["ffmpeg", "-loglevel", "error", "-i", self.folder / name, "-fps_mode", "passthrough"]
        raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                             check=True, capture_output=True).stdout
        size = 66 * 50 * 3
        self.assertEqual(len(raw) % size, 0)
        pixels = [tuple(raw[at : at + 3]) for at in range(0, len(raw), size)]
        listed = subprocess.run([*command, "-f", "framehash", "-"], check=True, capture_output=True, text=True)
        unit = re.search(r"#tb 0: (\d+)/(\d+)", listed.stdout)
        times = [int(line.split(",")[2]) * int(unit[1]) / int(unit[2])
                 for line in listed.stdout.splitlines() if not line.startswith("#")]
        return pixels, times

    def check(self, name, tolerance):
        pixels, times = self.frames(name)
        self.assertEqual(len(pixels), 10)
        for k, (pixel, time) in enumerate(zip(pixels, times, strict=True)):
            self.assertAlmostEqual(time, k / 25, places=6)
            for value in pixel:
                self.assertLessEqual(abs(value - 20 * k), tolerance, (k, pixel))

    def test_mp4_shows_each_scene_at_its_time(self):
        self.check("film.mp4", 3)

    def test_gif_shows_each_scene_at_its_time(self):
        self.check("film.gif", 0)


del Files  # is no test itself

if __name__ == "__main__":
    unittest.main(verbosity=2)
