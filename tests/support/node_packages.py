#!/usr/bin/env python3
"""Installs one set of npm packages for the suite, once, and prints the folder they are in.

    node_packages.py FOLDER sdks|agents

What is installed is what `node/SET/package-lock.json` names, by version and digest; it lives below FOLDER
(target/tools), and another lock file is another folder. No package runs a script of its own while it is installed.
Several tests may ask at once: the first installs, the others wait. Exit status 1, with a reason, when it cannot be
done; the caller decides what that means.
"""

import fcntl
import hashlib
import pathlib
import shutil
import subprocess
import sys

NODE_MAJOR_MIN = 20


def install(folder, name):
    wanted = pathlib.Path(__file__).parent / "node" / name
    version = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < NODE_MAJOR_MIN:
        raise OSError(f"node {version} is older than {NODE_MAJOR_MIN}")
    digest = hashlib.sha256((wanted / "package-lock.json").read_bytes() + version.encode()).hexdigest()[:12]
    home = folder / f"node-{name}-{digest}"
    finished = home / "finished"
    folder.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(wanted, home)
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error", "--prefer-offline"]
            subprocess.run(["npm", "ci", *quiet], cwd=home, check=True, stdout=sys.stderr)
            finished.touch()
    return home


def main():
    try:
        print(install(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]))
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"cannot install the npm packages: {error}")


if __name__ == "__main__":
    main()
