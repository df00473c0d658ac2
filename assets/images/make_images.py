#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the images of this folder anew, with Python's standard library alone."""

import math
import pathlib
import random
import struct
import zlib

GREY, COLOUR, COLOUR_AND_ALPHA = 0, 2, 6
CHANNELS = {GREY: 1, COLOUR: 3, COLOUR_AND_ALPHA: 4}
WIDTH, HEIGHT = 256, 192


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write(name, kind, pixel):
    rows = b""
    for y in range(HEIGHT):
        row = bytes(v for x in range(WIDTH) for v in pixel(x, y))
        left = bytes(CHANNELS[kind]) + row
        rows += b"\x01" + bytes((a - b) % 256 for a, b in zip(row, left))  # filter "sub"
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, kind, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    pathlib.Path(__file__).with_name(name).write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def mandelbrot(x, y):
    c, z, steps = complex(-2.2 + 3.2 * x / WIDTH, 1.2 - 2.4 * y / HEIGHT), 0j, 0
    while abs(z) <= 2 and steps < 48:
        z, steps = z * z + c, steps + 1
    return (0, 0, 0) if steps == 48 else (5 * steps, 3 * steps + 40, 160 - 2 * steps)


def waves(x, y):
    a, b = math.hypot(x - 60, y - 90), math.hypot(x - 200, y - 110)
    return (round(127.5 + 63 * math.sin(a / 4) + 63 * math.sin(b / 4)),)


def bricks():
    shades = random.Random(7)
    colour = {(row, k): shades.randrange(120, 190) for row in range(12) for k in range(9)}

    def pixel(x, y):
        row, shifted = y // 16, x + 16 * (y // 16 % 2)
        if y % 16 < 2 or shifted % 32 < 2:
            return 210, 205, 195
        shade = colour[row, shifted // 32]
        return shade, shade // 2, shade // 3

    return pixel


def rings(x, y):
    """Opaque rings on nothing: what is transparent counts as white."""
    r = math.hypot(x - WIDTH / 2, y - HEIGHT / 2)
    return (30, 60, 120, 255) if int(r) // 12 % 2 == 0 and r < 90 else (0, 0, 0, 0)


write("bricks.png", COLOUR, bricks())
write("mandelbrot.png", COLOUR, mandelbrot)
write("rings.png", COLOUR_AND_ALPHA, rings)
write("waves.png", GREY, waves)
