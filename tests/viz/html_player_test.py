#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HTML player in a browser: what its page holds at each beat is what the scene of that beat says."""

import json
import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

import chromium

PROGRAM = os.environ["SAMPLE_PLAYER"]

# The picture in the words of to_text, from the elements alone.
WORDS = r"""
window.words = () => {
  const number = (value) => {
    const tenths = Math.round(Number(value) * 10);
    return (tenths / 10).toFixed(1).replace('-0.0', '0.0');
  };
  const lines = [];
  const view = document.querySelector('#picture').viewBox.baseVal;
  const page = document.querySelector('#picture > rect').getAttribute('fill');
  lines.push(`scene ${number(view.width)}x${number(view.height)} ${page}`);
  for (const e of document.querySelectorAll('#picture > g > g > *')) {
    const get = (name) => e.getAttribute(name);
    const width = Number(get('stroke-width') ?? 0);
    const dashes = { [`${+(width).toFixed(9)}`]: ' dotted', [`${+(4 * width).toFixed(9)}`]: ' dashed' };
    const dash = get('stroke-dasharray') ? dashes[`${+Number(get('stroke-dasharray').split(' ')[0]).toFixed(9)}`] : '';
    const clip = document.querySelector(/#pane\d+/.exec(e.parentNode.getAttribute('clip-path'))[0] + ' rect');
    const pane = `${e.parentNode.dataset.pane} [${['x', 'y', 'width', 'height'].map((a) => number(clip.getAttribute(a)))}]`;
    let text = `${e.dataset.id} in ${pane} `;
    const pairs = (list) => list.match(/-?[\d.]+,-?[\d.]+/g).map((p) => p.split(',').map(number).join(',')).join(' ');
    switch (e.tagName) {
      case 'rect': {
        const inset = get('stroke') && !get('stroke-opacity') ? width / 2 : 0;
        const fill = get('data-fill') ?? get('fill');
        text += `box ${number(+get('x') - inset)},${number(+get('y') - inset)} `
          + `${number(+get('width') + 2 * inset)}x${number(+get('height') + 2 * inset)}`;
        if (fill !== 'none') text += ` fill ${fill}`;
        if (get('stroke')) text += ` stroke ${get('stroke')} ${number(width)}`;
        if (get('rx')) text += ` radius ${number(+get('rx') + inset)}`;
        text += dash;
        break;
      }
      case 'line':
        text += `line ${number(get('x1'))},${number(get('y1'))} ${number(get('x2'))},${number(get('y2'))} `
          + `${get('stroke')} ${number(width)}${dash}`;
        break;
      case 'path':
        text += `curve ${pairs(get('d').replace(/[MC]/g, ' ').replace(/,([^,]*),/g, ',$1 '))} ${get('stroke')} ${number(width)}`;
        break;
      case 'polygon': {
        const n = get('points').split(' ').map(number);
        text += 'polygon' + n.map((x, i) => (i % 2 ? ',' : ' ') + x).join('') + ` ${get('fill')}`;
        break;
      }
      default:
        text += `label ${number(get('x'))},${number(get('y'))} size ${number(get('font-size'))} `
          + `width ${number(get('textLength') ?? 0)} ${['sans', 'bold', 'mono'][get('class').slice(4)]} `
          + `${get('fill')} ${e.textContent}`;
    }
    lines.push(text);
  }
  return lines.join('\n');
};
"""


def expected(words):
    """A scene's text with each primitive's pane where it lies, and its words as a page can have them."""
    panes, lines = {}, []
    for line in words.split("\n"):
        if line.startswith("pane "):
            _, name, corner, size = line.split(" ")
            panes[name] = f"{name} [{corner},{size.replace('x', ',')}]"
        elif " in " in line:
            item, rest = line.split(" in ", 1)
            pane, rest = rest.split(" ", 1)
            lines.append(f"{item} in {panes[pane]} {rest}")
        elif line:
            lines.append(line)
    return "\n".join(lines)


@unittest.skipUnless(chromium.find(), "no Chromium is in PATH, and CHROMIUM names none")
class Player(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        subprocess.run([PROGRAM, cls.folder], check=True)
        scenes = (cls.folder / "player.txt").read_bytes()
        # As the page has it: each byte that is not UTF-8 and each control character is U+FFFD.
        text = scenes.decode(errors="replace").replace("\x01", "\ufffd")
        cls.scenes = [expected(words) for words in text.split("\f")[:-1]]
        cls.browser = chromium.Chromium(chromium.find(), 1280, 800)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.browser.complaints.clear()
        self.browser.call("Emulation.setEmulatedMedia", features=[])
        self.open()

    def tearDown(self):
        self.assertEqual(self.browser.complaints, [])

    def open(self, after=""):
        self.browser.open("about:blank")
        self.browser.open((self.folder / "player.html").as_uri() + after)
        self.browser.evaluate(WORDS)

    def shows(self, beat):
        self.assertEqual(self.browser.evaluate("fronta.beat()"), beat)
        self.assertEqual(self.browser.evaluate("words()").split("\n"), self.scenes[beat].split("\n"), f"beat {beat}")

    def go(self, beat):
        self.browser.evaluate(f"fronta.show({beat})")
        self.shows(beat)

    def test_every_beat_is_the_scene_forwards_backwards_and_at_random(self):
        self.assertEqual(self.browser.evaluate("fronta.beats"), len(self.scenes))
        self.assertGreater(len(self.scenes), 100)
        self.assertGreater(len(set(self.scenes)), 100)
        for beat in range(len(self.scenes)):
            self.go(beat)
        for beat in reversed(range(len(self.scenes))):
            self.go(beat)
        chance = random.Random(1)
        for _ in range(len(self.scenes)):
            self.go(chance.randrange(len(self.scenes)))

    def test_keys_step_jump_and_stop(self):
        last = len(self.scenes) - 1
        for key, shift, beat in [("ArrowRight", False, 1), ("PageDown", False, 2), ("ArrowRight", True, 12),
                                 ("ArrowLeft", False, 11), ("PageUp", False, 10), ("ArrowLeft", True, 0),
                                 ("ArrowLeft", False, 0), ("End", False, last), ("ArrowRight", False, last),
                                 ("Home", False, 0)]:
            self.browser.press(key, shift)
            self.assertEqual(self.browser.evaluate("fronta.beat()"), beat, key)

    def test_pace_doubles_and_halves(self):
        pace = "document.querySelector('#pace').textContent"
        self.assertEqual(self.browser.evaluate(pace), "2 / s")
        self.browser.press("ArrowUp")
        self.assertEqual(self.browser.evaluate(pace), "4 / s")
        for _ in range(3):
            self.browser.press("ArrowDown")
        self.assertEqual(self.browser.evaluate(pace), "1 in 2 s")

    def until(self, condition):
        """Waits in the page, frame by frame."""
        self.browser.evaluate("new Promise((done) => { const look = () => (" + condition
                              + ") ? done() : requestAnimationFrame(look); look(); })")

    def test_a_step_travels_and_arrives(self):
        # Some step of these moves something; none stays between the scenes.
        travelled = 0
        for beat in range(1, 40):
            self.browser.press("ArrowRight")
            travelled += self.browser.evaluate("words()").split("\n") != self.scenes[beat].split("\n")
        self.assertGreater(travelled, 5)
        self.until(f"words() === {json.dumps(self.scenes[39])}")
        self.shows(39)

    def test_a_scrub_and_reduced_motion_do_not_travel(self):
        self.browser.evaluate("const s = document.querySelector('#scrubber'); s.value = 30; s.dispatchEvent(new Event('input'))")
        self.shows(30)
        self.browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        for beat in range(31, 50):
            self.browser.press("ArrowRight")
            self.shows(beat)

    def test_it_plays_to_the_end_and_again(self):
        last = len(self.scenes) - 1
        self.browser.evaluate(f"fronta.show({last - 5})")
        for _ in range(5):
            self.browser.press("ArrowUp")
        self.browser.press(" ")
        self.until(f"fronta.beat() === {last} && !document.body.classList.contains('playing')")
        self.shows(last)
        self.browser.press("r")
        self.until("fronta.beat() > 2")
        self.browser.press(" ")
        beat = self.browser.evaluate("fronta.beat()")
        self.assertFalse(self.browser.evaluate("document.body.classList.contains('playing')"))
        self.go(beat)

    def test_the_narration_is_told_and_the_picture_described(self):
        self.browser.evaluate("fronta.show(3)")
        said = self.browser.evaluate("document.querySelector('[role=status]').textContent")
        self.assertIn("task", said)
        self.assertIn("stage of </title> & all", self.browser.evaluate("document.querySelector('#words').textContent"))
        self.assertEqual(self.browser.evaluate("document.title"), "</title> & all")

    def test_text_is_as_wide_as_the_scene_says(self):
        # Without textLength: by the fonts in the file, whose size is rounded to a tenth.
        worst = self.browser.evaluate("""(() => {
          fronta.show(fronta.beats >> 1);
          let worst = 0;
          for (const t of document.querySelectorAll('#picture text')) {
            if (/[^\\x20-\\u024f]/.test(t.textContent)) continue;
            const wanted = Number(t.getAttribute('textLength'));
            t.removeAttribute('textLength');
            worst = Math.max(worst, Math.abs(t.getComputedTextLength() / wanted - 1));
          }
          return worst;
        })()""")
        self.assertLess(worst, 0.004)

    def test_an_address_names_a_beat(self):
        self.open("#beat=12")
        self.shows(11)

    def test_it_works_in_a_frame(self):
        page = self.folder / "slides.html"
        page.write_text('<!doctype html><iframe src="player.html#beat=5" width="800" height="500"></iframe>')
        self.browser.open("about:blank")
        self.browser.open(page.as_uri())
        frame = self.browser.call("Page.getFrameTree")["frameTree"]["childFrames"][0]["frame"]
        world = self.browser.call("Page.createIsolatedWorld", frameId=frame["id"])["executionContextId"]
        found = self.browser.call("Runtime.evaluate", contextId=world, returnByValue=True,
                                  expression="[document.querySelector('#counter').textContent,"
                                             " document.querySelectorAll('#picture [data-id]').length]")
        counter, elements = found["result"]["value"]
        self.assertTrue(counter.startswith(f"5 / {len(self.scenes)} "), counter)
        self.assertGreater(elements, 20)

    def test_nothing_lies_outside_the_window(self):
        for width, height in [(1280, 720), (1920, 1080), (800, 450), (480, 320)]:
            self.browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                              mobile=False)
            outside = self.browser.evaluate("""[...document.querySelectorAll('#picture, button, #scrubber, output')]
              .filter((e) => { const r = e.getBoundingClientRect();
                return r.width > 0 && (r.left < 0 || r.top < 0 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1); })
              .map((e) => e.id)""")
            self.assertEqual(outside, [], (width, height))
        self.browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)


if __name__ == "__main__":
    unittest.main(verbosity=2)
