"""Gather what the next leap is trained on: `python -m training.gather --packages DIR --out DIR`.

`stock.toml` names the Debian packages and the files in them.  Get them with `apt-get download NAME`, unpack each with
`dpkg-deb -x FILE.deb DIR`, and this copies what is wanted from there.
"""

import argparse
import shutil
import tomllib
from pathlib import Path
from typing import Any

import cv2

LIST = Path(__file__).with_name("stock.toml")


def wanted(root: Path, stock: dict[str, Any]) -> list[Path]:
    """The files of the list below ``root``; a photograph that is not there is an error, a cut-out is not missed."""
    share = next((path for path in (root / "usr" / "share", root) if path.is_dir()), root)
    photographs = [share / name for name in stock["photographs"]]
    missing = [str(file.relative_to(share)) for file in photographs if not file.is_file()]
    if missing:
        raise SystemExit(
            f"{share} lacks {len(missing)} of {len(photographs)} photographs, {missing[0]} first: "
            f"unpack {', '.join(stock['packages'])} there"
        )
    rule = stock["cutouts"]
    cutouts = []
    for file in sorted((share / rule["below"]).rglob("*.png")):
        inside = file.relative_to(share / rule["below"])
        if inside.parts[0] in rule["folders"] and not any(word in str(inside).lower() for word in rule["without"]):
            pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
                continue
            if min(pixels.shape[:2]) >= rule["smallest"]:
                cutouts.append(file)
    return photographs + cutouts


def main() -> None:
    parser = argparse.ArgumentParser(description="Gather what the next leap is trained on.")
    parser.add_argument("--packages", type=Path, required=True, help="folder that the packages were unpacked into")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    args = parser.parse_args()
    files = wanted(args.packages, tomllib.loads(LIST.read_text()))
    args.out.mkdir(parents=True, exist_ok=True)
    for index, file in enumerate(files):
        shutil.copyfile(file, args.out / f"{index:03d}-{file.name}")
    print(f"{len(files)} pictures in {args.out}")


if __name__ == "__main__":
    main()
