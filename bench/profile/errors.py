"""errors.py TIMES: every answer that stands in the rules as an example or as its look-alike, TIMES times, as JSON lines,
and after them answers of two kilobytes that say what many of them say."""

import json
import pathlib
import sys
import tomllib

# Letters of a long answer.
LONG = 2000

packs = pathlib.Path(__file__).parents[2] / "crates" / "classify" / "packs"
answers = [
    {**answer, "provider": pack["family"]}
    for pack in (tomllib.loads(file.read_text()) for file in sorted(packs.glob("*.toml")))
    for rule in pack["rule"]
    for answer in rule["example"] + rule["look_alike"]
]
times = int(sys.argv[1])
for answer in answers * times:
    print(json.dumps(answer))

text = " ".join(answer["body"].replace('"', " ") for answer in answers)
for start in range(0, len(text), LONG):
    message = text[start : start + LONG]
    for _ in range(times):
        print(json.dumps({"status": 400, "body": json.dumps({"error": {"message": message}})}))
