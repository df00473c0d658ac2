#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the fonts of assets/fonts from DejaVu's: a subset for what pictures say, without hints and kerning, and with
the pause sign that DejaVu lacks. The same fonts and the same fontTools give the same bytes.

    python3 tools/fonts.py FOLDER    (of DejaVuSans.ttf and its like: Debian's package fonts-dejavu-core 2.37)

Needs fontTools (pip install fonttools==4.68.0); no build does.
"""

import argparse
import pathlib
import sys

from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

OUT = pathlib.Path(__file__).resolve().parent.parent / "assets" / "fonts"
FACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono")
LARGEST_SET = 300_000  # bytes

RANGES = (
    (0x0020, 0x007E),  # Latin
    (0x00A0, 0x00FF),
    (0x0100, 0x017F),  # Latin Extended-A: Czech and its neighbours
    (0x0218, 0x021B),  # Romanian
    (0x0370, 0x03FF),  # Greek
    (0x2010, 0x205E),  # punctuation
    (0x2070, 0x209C),  # superscripts and subscripts
    (0x20AC, 0x20AC),  # euro
    (0x2190, 0x21FF),  # arrows
    (0x2200, 0x22FF),  # mathematical operators, ⋯ among them
    (0x2500, 0x259F),  # box drawing and blocks: code and its output
    (0x25A0, 0x25FF),  # geometric shapes
    (0x2605, 0x2606),  # stars
    (0x26A0, 0x26A0),  # warning
    (0x2713, 0x2718),  # check marks and crosses
    (0xFFFD, 0xFFFD),  # the replacement
)
LICENCE = 13  # in the table of names
PAUSE = 0x23F8
TRIANGLE = 0x25B6  # ▶, whose place and size the pause sign takes


def subset(path):
    font = TTFont(path, recalcTimestamp=False)
    options = Options()
    options.hinting = False
    options.layout_features = []
    options.notdef_outline = True
    options.name_IDs = ["*"]  # the licence is among them
    options.recalc_timestamp = False
    options.drop_tables += ["FFTM", "GDEF", "GPOS", "GSUB", "MATH", "gasp", "kern"]
    chosen = Subsetter(options)
    chosen.populate(unicodes=[c for first, last in RANGES for c in range(first, last + 1)])
    chosen.subset(font)
    return font


def add_pause(font):
    """Two bars, as high and about as wide as ▶."""
    triangle_name = font.getBestCmap()[TRIANGLE]
    triangle = font["glyf"][triangle_name]
    bar = round((triangle.xMax - triangle.xMin) * 0.3)
    inset = round((triangle.xMax - triangle.xMin) * 0.08)
    pen = TTGlyphPen(None)
    for left in (triangle.xMin + inset, triangle.xMax - inset - bar):
        pen.moveTo((left, triangle.yMin))
        pen.lineTo((left, triangle.yMax))
        pen.lineTo((left + bar, triangle.yMax))
        pen.lineTo((left + bar, triangle.yMin))
        pen.closePath()
    name = "uni23F8"
    font.setGlyphOrder([*font.getGlyphOrder(), name])
    font["glyf"][name] = pen.glyph()
    font["hmtx"][name] = (font["hmtx"][triangle_name][0], triangle.xMin + inset)
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[PAUSE] = name


def write_licence(font):
    """DejaVuSans.ttf has the longest, which names all whose glyphs are in it."""
    lines = font["name"].getDebugName(LICENCE).strip().split("\n")
    (OUT / "LICENSE").write_text("".join(line.rstrip() + "\n" for line in lines))


def main():
    parser = argparse.ArgumentParser(description="Makes the fonts of assets/fonts.")
    parser.add_argument("folder", type=pathlib.Path, help="where DejaVuSans.ttf lies")
    folder = parser.parse_args().folder
    total = 0
    for face in FACES:
        font = subset(folder / f"{face}.ttf")
        add_pause(font)
        if face == FACES[0]:
            write_licence(font)
        file = OUT / f"{face}.ttf"
        font.save(file)
        size = file.stat().st_size
        total += size
        print(f"{file.name}: {len(font.getBestCmap())} characters, {size} bytes")
    if total > LARGEST_SET:
        sys.exit(f"fonts.py: {total} bytes in all are more than {LARGEST_SET}; take ranges away.")


if __name__ == "__main__":
    main()
