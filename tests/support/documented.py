"""What `docs/clients.md` tells users to write, so that the suite runs that and nothing else."""

import pathlib
import re

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "clients.md"
# Where the document says that the gateway is.
ROOT = "http://127.0.0.1:8317"
BLOCK = re.compile(r"<!-- tested: (?P<client>[^,]+), (?P<what>[^>]+) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL)


def blocks(client, root=ROOT):
    """The blocks of one client, by what they are, with the gateway at `root`."""
    found = BLOCK.finditer(DOCUMENT.read_text())
    told = {block["what"]: block["text"].replace(ROOT, root) for block in found if block["client"] == client}
    if not told:
        raise KeyError(f"the document says nothing about {client}")
    return told


def run(client, root, **names):
    """Runs the code of a client, and returns the names that it defines."""
    exec(blocks(client, root)["code"], names)
    return names
