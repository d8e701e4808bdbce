"""Cuts the Kirtland sample out of its upstream files: `python make.py FOLDER`, where FOLDER holds aircraft_1.json.

The folder is `test_data/` of https://github.com/sdr-enthusiasts/sdre-rust-adsb-parser, at commit 594c3c7. An
aircraft object is kept whole or left out; no value is changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent / "kirtland"
KEPT = {
    "ae54cd": "STALK88, C-130J of the US Air Force: comes in, then stands at Kirtland",
    "addf01": "AAL1219, Boeing 737: on the ground at the shared field",
    "aaa668": "SWA1709, Boeing 737: on the ground at the shared field",
    "ad9645": "AAL1230, Boeing 737: on the ground at the shared field",
    "ae5cea": "SKULL62, H-60 helicopter: low and inbound, heard once",
    "ae571d": "D99, V-22: low and inbound, heard once",
    "ae6247": "WAKE22, Bell 212 helicopter: low and outbound, heard once",
    "a61219": "SWA2042, Boeing 737: overhead at 39,000 ft",
}


def main(folder: Path) -> None:
    """Write both files anew."""
    TARGET.mkdir(exist_ok=True)
    for name in ("aircraft_1.json", "aircraft_2.json"):
        answer = json.loads((folder / name).read_text(encoding="utf-8"))
        lines = ",\n".join(json.dumps(one) for one in answer["aircraft"] if one["hex"] in KEPT)
        text = f'{{"now": {answer["now"]!r},\n"messages": {answer["messages"]},\n"aircraft": [\n{lines}\n]}}\n'
        (TARGET / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
