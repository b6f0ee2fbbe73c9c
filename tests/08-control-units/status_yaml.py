#!/usr/bin/env python3
# .status is YAML whatever the texts are, and what is valid UTF-8 of them is read back as it was.
import datetime
import random
import subprocess
import sys

import yaml

PIECES = [b" ", b"  ", b"\t", b"\n", b"\n\n", b"\r", b"\r\n", b": ", b" #", b"#", b"- ", b"---", b"...", b"? ", b"|", b">", b"%",
          b"@", b"`", b"'", b"\"", b"\\", b"{", b"}", b"[", b"]", b",", b"&a", b"*a", b"!!int 1", b"<<", b"=",
          b"\x01", b"\x1b[0m", b"\x7f", "\x85".encode(), "\xa0".encode(), "é".encode(), "\u2028".encode(),
          "\u2029".encode(), "\ufeff".encode(), "\ufffe".encode(), "\uffff".encode(), "\U0001f600".encode(),
          "\U0010ffff".encode(), b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80",
          b"word", b"nginx: [emerg] host not found", b"1", b"0x1f", b"1e3", b"1:30", b"null", b"~", b"yes", b"No", b"on",
          b"true", b".inf", b"2026-11-24", b"0o7", b"1_000"]


class Strict(yaml.SafeLoader):
    """Refuses a mapping with a key twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return super().construct_mapping(node, deep)


def run(cli, *words):
    text = subprocess.run([cli, *words], capture_output=True, check=True).stdout
    text.decode()
    return yaml.load(text, Strict), text


def check(cli, text):
    want = text.decode("utf-8", "backslashreplace")
    status, raw = run(cli, "status", text)
    assert status["balancer"] == "web" and status["nodes"] == 120 and status["read_only"] is True
    assert status["hidden_members"] == {"app": 2, "no": 1}
    assert status["more_differences"] == 100
    got = [status["last_change"], status["last_error"], status["hosts"][0]["host"],
           status["hosts"][1]["error"]]
    assert all(g == want and isinstance(g, str) for g in got), (text, got, raw)
    assert status["notes"]["way"][1:] == ["socat", "0123"]
    # A driver's notes may be numbers.
    note = 1 if want == "1" else want
    assert status["notes"]["way"][0] == note
    assert want in ("way", "reads") or status["notes"][want] == note, (text, status["notes"])
    assert ", ".join(status["differences"][1]["only_on"]) == want, (text, status["differences"])
    since = status["hosts"][0]["since"]
    assert isinstance(since, datetime.datetime) and since.microsecond == 7000
    everything = list(yaml.load_all(run_all(cli, text), Strict))
    assert everything[0] == {"version": "0.1.0", "balancers": {}}
    assert everything[1]["balancers"]["no"]["driver"] == want, (text, everything)


def run_all(cli, text):
    return subprocess.run([cli, "all", text], capture_output=True, check=True).stdout


def main():
    cli, rng = sys.argv[1], random.Random(8)
    for piece in PIECES:
        check(cli, piece)
    for _ in range(60):
        check(cli, b"".join(rng.choice(PIECES) for _ in range(rng.randrange(10))))
    for _ in range(30):
        check(cli, bytes(rng.randrange(1, 256) for _ in range(rng.randrange(60))))
    status, _ = run(cli, "long", "100000")
    assert len(status["last_error"]) == 100000 and status["last_error"].startswith("xxxxxx xxxxxx ")


main()
