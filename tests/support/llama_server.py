#!/usr/bin/env python3
"""Runs the real llama.cpp server on the tiny model, until it is killed.

    llama_server.py --models FOLDER --key KEY --alias NAME [--embeddings]

Runs inside the environment of environment.py. Once the model is loaded, one line `LISTENING http://...` goes to
standard output; whatever the server says goes to standard error. It ends when its standard input does, so that it
never outlives the test that started it, or at once when it is killed.
"""

import argparse
import fcntl
import hashlib
import os
import pathlib
import sys

import tiny_model


def model(folder):
    """The model file, written once per version of the script that makes it."""
    made_by = pathlib.Path(tiny_model.__file__).read_bytes()
    path = folder / f"tiny-{hashlib.sha256(made_by).hexdigest()[:12]}.gguf"
    folder.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = path.with_suffix(".part")
            tiny_model.write(unfinished)
            unfinished.rename(path)
    return path


def start(arguments):
    import xllamacpp

    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(model(arguments.models))
    wanted.model_alias = {arguments.alias}
    wanted.hostnames, wanted.port = ["127.0.0.1"], 0
    wanted.api_keys = [arguments.key]
    wanted.n_ctx, wanted.n_parallel = 8192, 2
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.n_threads_http = 4
    wanted.use_jinja = True
    wanted.cache_ram_mib = 0
    wanted.verbosity = 1
    if arguments.embeddings:
        wanted.embedding = True
        wanted.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(wanted)


def main():
    asking = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asking.add_argument("--models", type=pathlib.Path, required=True)
    asking.add_argument("--key", required=True)
    asking.add_argument("--alias", required=True)
    asking.add_argument("--embeddings", action="store_true")
    arguments = asking.parse_args()

    # The library logs to standard output, which is for our one line.
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    server = start(arguments)
    os.write(answer, f"LISTENING {server.listening_address}\n".encode())
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
