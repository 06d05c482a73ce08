"""Pictures for the tests of `image.rs`, and what Pillow makes of them.

    python record.py        writes next to this file

Every picture is made of smooth waves and a hard edge, so that both the filter
and the rounding show. Expected pictures are PNG: nothing is lost in them.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import CenterCrop, Resize

HERE = Path(__file__).parent


def picture(height, width):
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 127.5 + 127.5 * np.sin(0.9 * x + 0.31 * y)
    green = 255 * ((x * 3 + y * 5) % 11 < 5)
    blue = 127.5 + 127.5 * np.cos(0.05 * x * y)
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


def main():
    wide = Image.fromarray(picture(23, 37))
    tall = Image.fromarray(picture(41, 19))
    wide.save(HERE / "wide.png")
    tall.save(HERE / "tall.png")
    for name, image in [("wide", wide), ("tall", tall)]:
        for n in (8, 13, 30):
            Resize(n)(image).save(HERE / f"{name}_shorter_{n}.png")
        for n in (8, 12, 30):
            CenterCrop(n)(image).save(HERE / f"{name}_crop_{n}.png")

    # What may be in a file. A smooth picture, so that decoders of JPEG agree.
    y, x = np.mgrid[0:16, 0:24].astype(np.float64)
    smooth = np.stack([x * 10, y * 15, 255 - 5 * (x + y)], axis=-1).clip(0, 255).astype(np.uint8)
    smooth = Image.fromarray(smooth)
    smooth.save(HERE / "colour.png")
    smooth.save(HERE / "colour.jpg", quality=95)
    smooth.save(HERE / "progressive.jpg", quality=95, progressive=True)
    smooth.convert("CMYK").save(HERE / "cmyk.jpg", quality=95)
    grey = smooth.convert("L")
    grey.save(HERE / "grey.png")
    grey.save(HERE / "grey.jpg", quality=95)
    for name in ("colour", "progressive", "cmyk", "grey"):
        Image.open(HERE / f"{name}.jpg").convert("RGB").save(HERE / f"{name}_jpg.png")
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(HERE / "grey16.png")
    smooth.quantize(64).save(HERE / "palette.png")
    smooth.quantize(64).convert("RGB").save(HERE / "palette_as_colour.png")
    alpha = smooth.copy()
    alpha.putalpha(grey)
    alpha.save(HERE / "alpha.png")
    smooth.save(HERE / "colour.gif")


if __name__ == "__main__":
    main()
