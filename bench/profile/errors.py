"""errors.py TIMES: every answer that stands in the rules as an example or as its look-alike, TIMES times, as JSON lines."""

import json
import pathlib
import sys
import tomllib

packs = pathlib.Path(__file__).parents[2] / "crates" / "classify" / "packs"
answers = [
    {**answer, "provider": pack["family"]}
    for pack in (tomllib.loads(file.read_text()) for file in sorted(packs.glob("*.toml")))
    for rule in pack["rule"]
    for answer in rule["example"] + rule["look_alike"]
]
for answer in answers * int(sys.argv[1]):
    print(json.dumps(answer))
