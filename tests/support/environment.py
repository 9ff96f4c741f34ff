#!/usr/bin/env python3
"""Makes one Python environment of the suite, once, and prints its interpreter.

    environment.py FOLDER [base|clients]

`base` has what the servers need and the client that every run uses; `clients` has all other client libraries. The
packages are pinned, wheels only, and live below FOLDER (target/tools); another set of pins is another folder. Several
tests may ask at once: the first makes it, the others wait. Exit status 1, with a reason, when it cannot be made; the
caller decides what that means.
"""

import fcntl
import hashlib
import pathlib
import subprocess
import sys
import venv

PACKAGES = [
    "xllamacpp==2026.10.11549",  # the llama.cpp server as a library
    "gguf==0.19.0",  # the file format of its models
    "numpy==2.4.6",
    "openai==3.54.0",  # a client that people really use
]
# The client libraries with all that they stand on, as `pip freeze` writes it.
CLIENTS = pathlib.Path(__file__).with_name("python-clients.txt")


def packages(name):
    return PACKAGES if name == "base" else ["--no-deps", *CLIENTS.read_text().split()]


def interpreter(folder, wanted):
    pins = "\n".join([*wanted, sys.version]).encode()
    home = folder / f"python-{hashlib.sha256(pins).hexdigest()[:12]}"
    python, finished = home / "bin" / "python", home / "finished"
    folder.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            venv.create(home, clear=True, with_pip=True)
            install = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
            subprocess.run([*install, *wanted], check=True, stdout=sys.stderr)
            finished.touch()
    return python


def main():
    folder, name = pathlib.Path(sys.argv[1]).resolve(), (sys.argv[2:] or ["base"])[0]
    try:
        print(interpreter(folder, packages(name)))
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"cannot make the Python environment: {error}")


if __name__ == "__main__":
    main()
