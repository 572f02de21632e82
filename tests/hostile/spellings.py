"""The many ways to write an IPv4 address as a URL's host."""

from ipaddress import IPv4Address


def spellings(text: str) -> list[str]:
    """Writes an address in every way that some parser, somewhere, takes for it."""
    number = int(IPv4Address(text))
    a, b, c, d = text.split(".")
    return [
        text,
        f"{text}.",
        str(number),
        hex(number),
        f"0{number:o}",
        f"{int(a):#x}.{int(b):#x}.{int(c):#x}.{int(d):#x}",
        f"0{int(a):o}.0{int(b):o}.0{int(c):o}.0{int(d):o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        text.translate({ord(digit): 0x2460 + int(digit) - 1 for digit in "123456789"}),  # circled digits
        text.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}),  # full-width digits
        text.replace(".", "。"),
        text.replace(".", "%2e"),
        f"[::ffff:{text}]",
        f"[::{text}]",
        f"[::ffff:0:{text}]",
        f"[64:ff9b::{text}]",
        f"[64:ff9b:1::{text}]",
        f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
        f"[2001:0:{number >> 16:x}:{number & 0xFFFF:x}::{~number >> 16 & 0xFFFF:x}:{~number & 0xFFFF:x}]",
        f"[2606:4700::5efe:{text}]",
        f"[fe80::{text}%25eth0]",
    ]
