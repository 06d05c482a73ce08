#!/usr/bin/env python3
"""Makes digits.bin.gz from the digits.csv.gz that scikit-learn ships.

Usage: make_digits.py path/to/digits.csv.gz digits.bin.gz

The source is `sklearn/datasets/data/digits.csv.gz` in any recent scikit-learn
wheel: 1797 lines of 64 pixels (0..16, row by row, 8x8) and the class.

Layout of the result, before gzip (level 9, no time stamp):

    1797 * 64 bytes   pixels, one byte each, 0..16, image after image
    1797 bytes        classes, one byte each, 0..9

Data: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits,
UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49,
licence CC BY 4.0. Only the storage changes; no pixel does.
"""

import gzip
import hashlib
import sys

SOURCE = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
PIXELS = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
LABELS = "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"


def check(what: str, data: bytes, expected: str) -> None:
    got = hashlib.sha256(data).hexdigest()
    if got != expected:
        sys.exit(f"{what}: SHA-256 is {got}, expected {expected}")


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as source:
        packed = source.read()
    check(sys.argv[1], packed, SOURCE)
    rows = [
        [int(float(cell)) for cell in line.split(",")]
        for line in gzip.decompress(packed).decode("ascii").splitlines()
    ]
    pixels = bytes(value for row in rows for value in row[:64])
    labels = bytes(row[64] for row in rows)
    check("pixels", pixels, PIXELS)
    check("labels", labels, LABELS)
    with open(sys.argv[2], "wb") as target:
        target.write(gzip.compress(pixels + labels, 9, mtime=0))


if __name__ == "__main__":
    main()
