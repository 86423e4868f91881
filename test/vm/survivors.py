#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""survivors.py - what a disk holds after a power cut

        survivors.py LOG DISK SEED

LOG is what QEMU's block filter blklogwrites wrote until it was killed (the format of the kernel's dm-log-writes), DISK
the image as it was when the machine was started; it is changed to what a disk with a volatile cache may hold then:
all that was written before the last flush that was completed, or with FUA, is there. Of the later writes each is there, is
not there, or is there up to one of its sectors, by chance. Prints a line about how many.
"""
import random
import struct
import sys

SUPER = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4


def entries(data):
    """Yields sector size, (offset, flags, bytes or None, length) of each entry that was written completely."""
    magic, _, _, size = SUPER.unpack_from(data)
    if magic != MAGIC:
        sys.exit("survivors.py: no log of writes")
    at = size
    while at + size <= len(data):
        sector, count, flags, length = ENTRY.unpack_from(data, at)
        if not count and not flags:  # beyond the last entry
            return
        at += size
        body = None
        if not flags & DISCARD:
            body = data[at:at + count * size]
            if len(body) < count * size:
                return
            at += count * size
        yield size, sector * size, flags, body, count * size


def main():
    log, disk, seed = sys.argv[1:]
    chance = random.Random(seed)
    with open(log, "rb") as file:
        data = file.read()
    every = list(entries(data))
    flushed = max((i for i, e in enumerate(every) if e[2] & FLUSH), default=-1)
    kept = torn = late = 0
    with open(disk, "r+b") as file:
        for i, (size, offset, flags, body, length) in enumerate(every):
            if not length:
                continue
            if flags & DISCARD:
                body = bytes(length)
            if i > flushed and not flags & FUA:
                late += 1
                fate = chance.randrange(5)
                if fate < 2:
                    continue
                if fate == 2:
                    torn += 1
                    body = body[:chance.randrange(length // size) * size]
                else:
                    kept += 1
            file.seek(offset)
            file.write(body)
    print(f"{len(every)} writes, {late} of them after the last flush: {kept} kept, {torn} torn")


main()
