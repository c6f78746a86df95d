"""Compares what the SBOM beside the program, the list within it and Cargo.lock say: `sbom.py SBOM DEP_V0`."""

import json
import sys
import tomllib
import zlib

sbom_file, list_file = sys.argv[1:]
sbom = json.load(open(sbom_file))
described = {(it["name"], it["version"]) for it in [sbom["metadata"]["component"], *sbom["components"]]}
listed = {
    (it["name"], it["version"]) for it in json.loads(zlib.decompress(open(list_file, "rb").read()))["packages"]
}
locked = {(it["name"], it["version"]) for it in tomllib.load(open("Cargo.lock", "rb"))["package"]}

wrong = []
if sbom["bomFormat"] != "CycloneDX":
    wrong.append("the SBOM is not CycloneDX")
for name in ["feishu-forward-gateway", "actix-web"]:
    version = next(it for it in locked if it[0] == name)
    if version not in described:
        wrong.append(f"the SBOM lacks {version}")
for what, found in [("in the SBOM only", described - listed), ("in the program only", listed - described),
                    ("not in Cargo.lock", (described | listed) - locked)]:
    if found:
        wrong.append(f"{what}: {sorted(found)}")
print(f"  {len(described)} packages in the SBOM, {len(listed)} in the program")
sys.exit("\n".join(wrong) if wrong else 0)
