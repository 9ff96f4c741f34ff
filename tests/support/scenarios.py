"""Runs the numbered scenarios and lists number, rule, test and result; fails on a number without a test and on a test that fails.

The numbers come from docs/scenarios.md, which a test of the suite holds against the names of the tests.
"""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROW = re.compile(r"^\| (\d+) \| (.*) \| (.*) \|$")
NUMBERS = re.compile(r"(?:^|_)s(\d{3})(?=_)")
NEXTEST = re.compile(r"^\s*(?:TRY \d+ )?([A-Z]+)\s+\[[^]]*\]\s+(?:\([^)]*\)\s+)?(\S+)\s+(\S+)$")
LIBTEST = re.compile(r"^test (\S+) \.\.\. (\w+)")


def rows():
    """The rows of the page: number, rule, where its test stands."""
    with open(os.path.join(ROOT, "docs", "scenarios.md"), encoding="utf-8") as page:
        found = [ROW.match(line.rstrip("\n")) for line in page]
    return [(int(row[1]), row[2], row[3]) for row in found if row]


def command():
    """Only the tests that carry a number, with cargo-nextest if it is there, else with cargo test."""
    if shutil.which("cargo-nextest"):
        chosen = ["-E", r"test(/(^|::|_)s\d{3}_/)", "--no-fail-fast", "--status-level", "all"]
        return ["cargo", "nextest", "run", "--locked", "--workspace", "--color", "never", *chosen]
    digits = [f"s{first}{second}" for first in (0, 1) for second in range(10)]
    return ["cargo", "test", "--locked", "--workspace", "--no-fail-fast", "--", *digits]


def results():
    """Test by test, whether it passed; what else is said goes on to the terminal."""
    passed = {}
    run = subprocess.Popen(
        command(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    for line in run.stdout:
        if match := NEXTEST.match(line):
            name, result = match[3], match[1] == "PASS"
        elif match := LIBTEST.match(line):
            name, result = match[1], match[2] == "ok"
        else:
            if "error" in line or "panicked" in line or "assertion" in line:
                print(line.rstrip(), file=sys.stderr)
            continue
        name = name.rsplit("::", 1)[-1]
        if match[1] in ("SLOW", "TRY"):
            continue
        passed[name] = passed.get(name, True) and result
    run.wait()
    return passed


def rule(name):
    """The words of a name behind its marks."""
    words = name.split("_")
    while words and len(words[0]) < 5 and words[0][-1:].isdigit():
        words.pop(0)
    return " ".join(words)


def main():
    """Prints the list; answers how many lines are wrong."""
    table, passed, wrong, counts = rows(), results(), 0, {}
    by_rule = {}
    for name, result in passed.items():
        for number in NUMBERS.findall(name):
            by_rule[(int(number), rule(name))] = (name, result)
    for number, text, place in table:
        if text.startswith("later: ") or text.startswith("elsewhere: "):
            name, result = "-", text.split(":")[0]
        else:
            name, result = by_rule.get((number, text), (place, None))
            result = {True: "pass", False: "FAIL", None: "NOT RUN"}[result]
        counts[result] = counts.get(result, 0) + 1
        wrong += result in ("FAIL", "NOT RUN")
        print(f"{number:>3}  {result:<7}  {text}  [{name}]")
    missing = [number for number in range(1, 129) if number not in {row[0] for row in table}]
    wrong += len(missing)
    if missing:
        print(f"no test: {missing}")
    numbers = len({row[0] for row in table})
    print(f"\n{numbers} numbers, " + ", ".join(f"{count} {result}" for result, count in sorted(counts.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
