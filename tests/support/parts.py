#!/usr/bin/env python3
"""What a binary is made of, as CycloneDX, read from the list that cargo-auditable has put into it.

    parts.py BINARY
"""

import json
import pathlib
import struct
import sys
import zlib

SECTION = ".dep-v0"


def section(binary: bytes, wanted: str) -> bytes:
    """The bytes of a section of a 64-bit little-endian ELF file."""
    if binary[:6] != b"\x7fELF\x02\x01":
        sys.exit("this is no 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", binary, 0x28)
    size, count, names_at = struct.unpack_from("<HHH", binary, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", binary, table + size * at) for at in range(count)]
    names = headers[names_at]
    for header in headers:
        start = names[4] + header[0]
        name = binary[start : binary.index(b"\0", start)].decode()
        if name == wanted:
            return binary[header[4] : header[4] + header[5]]
    sys.exit(f"the binary has no section {wanted}: it was not built by cargo-auditable")


def component(package: dict) -> dict:
    name, version = package["name"], package["version"]
    described = {"type": "library", "name": name, "version": version}
    if package["source"] == "crates.io":
        described["purl"] = f"pkg:cargo/{name}@{version}"
    return described


def main() -> None:
    binary = pathlib.Path(sys.argv[1]).read_bytes()
    packages = json.loads(zlib.decompress(section(binary, SECTION)))["packages"]
    shipped = [package for package in packages if package.get("kind", "runtime") == "runtime"]
    (root,) = [package for package in packages if package.get("root")]
    parts = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": root["name"], "version": root["version"]}},
        "components": [component(package) for package in shipped if not package.get("root")],
    }
    json.dump(parts, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
