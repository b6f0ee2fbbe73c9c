#!/usr/bin/env python3
# Whatever is in an entry's texts, its line is one, of printable characters, and shlex reads the
# texts back but for what had to be escaped.
import random
import re
import subprocess
import sys
import unicodedata

PLAIN = [b"1795563481007", b"1000", b"1000", b"4711", b"touch", b"touch", b"app",
         b"+app/10.0.0.7:80", b"EREMOTEIO", b"text", b"203", b"fe1, fe2"]
PIECES = [b" ", b"\t", b"\n", b"\r", b"\x1b[31m", b"\x7f", b"\"", b"'", b"\\", b"\\\"", b"=", b"-",
          b"a=b", "é".encode(), "€".encode(), "\U0001f600".encode(), "\x9b2J".encode(),
          "\u2028".encode(), "\u202e".encode(), "\ufeff".encode(), b"\xff", b"\xc3", b"\xe2\x82",
          b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"word", b"$(x)", b"`x`", b"%s%n"]
FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)')


def unquote(value):
    """The bytes that a value stands for."""
    if not value.startswith('"'):
        return value.encode()

    def one(match):
        text = match.group(1)
        if text[0] == "x":
            return bytes([int(text[1:], 16)]).decode("latin-1").join("\0\0") if int(text[1:], 16) > 127 else chr(int(text[1:], 16))
        return chr(int(text[1:], 16)) if text[0] == "u" else text

    out = re.sub(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|[\"\\])", one, value[1:-1])
    # A byte that was no character stands between NULs.
    return b"".join(part.encode() if i % 2 == 0 else part.encode("latin-1")
                    for i, part in enumerate(out.split("\0")))


def check(cli, text):
    command, error, pool = text[:15], text[:1000], b"app"
    words = list(PLAIN)
    words[4], words[9] = command, error
    out = subprocess.run([cli, "audit"] + words, capture_output=True, check=True).stdout.decode()
    assert out.count("\n") == 4, out
    logged, dashes, line, again, last = out.split("\n")
    assert dashes == again == "--" and last == "" and logged == "<4> web: " + line, out
    bad = [c for c in line if unicodedata.category(c) in ("Cc", "Zl", "Zp") or
           unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")]
    assert not bad, (text, line)
    fields = dict(FIELD.findall(line.split(" ", 1)[1]))
    assert list(fields) == ["uid", "login", "pid", "command", "op", "pool", "nodes", "result", "ms",
                            "hosts", "error"], line
    assert fields["pool"].encode() == pool
    assert unquote(fields["error"]) == error, (error, line)
    assert unquote(fields["command"]) == (command or b"-"), (command, line)


def main():
    rng = random.Random(8)
    for piece in PIECES:
        check(sys.argv[1], piece)
    for _ in range(60):
        check(sys.argv[1], b"".join(rng.choice(PIECES) for _ in range(rng.randrange(12))))
    for _ in range(40):
        check(sys.argv[1], bytes(rng.randrange(1, 256) for _ in range(rng.randrange(40))))


main()
