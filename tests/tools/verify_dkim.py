"""Checks the DKIM signatures of a mail with dkimpy: verify_dkim.py MAIL, DNS records as JSON lines on
standard input. Prints how many signatures hold; ends with 1 if one does not."""

import json
import pathlib
import sys

import dkim

records = {}
for line in sys.stdin:
    record = json.loads(line)
    records[record["name"].encode() + b"."] = record["text"].encode()

mail = pathlib.Path(sys.argv[1]).read_bytes()
checker = dkim.DKIM(mail)
count = sum(1 for name, _ in checker.headers if name.lower() == b"dkim-signature")
for index in range(count):
    try:
        holds = dkim.DKIM(mail).verify(idx=index, dnsfunc=lambda name, timeout=5: records[name])
    except dkim.DKIMException as error:
        holds = False
        print(error, file=sys.stderr)
    if not holds:
        sys.exit(1)
print(count)
