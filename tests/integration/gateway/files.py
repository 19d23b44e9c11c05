"""What command lines of the tables name: manifests laid into their working folder, and a proxy that listens."""

from __future__ import annotations

from pathlib import Path

PROXY = "rm -f port; kubectl proxy --port=0 > port & until grep -qs '[0-9]$' port; do sleep 0.1; done; "
"""Begins a line; `port` then ends with its port, and `kill $!` ends it."""

FILES = {
    "cm.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: fresh, labels: {made: here}}
data: {a: "1"}
""",
    "web.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 5
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1.27", ports: [{containerPort: 80}]}
""",
    "many.yaml": """
apiVersion: v1
kind: Namespace
metadata: {name: newns}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: runner, namespace: newns}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: newns}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec: {serviceAccountName: runner, containers: [{name: app, image: "nginx:1.27"}]}
""",
    "svc.yaml": """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, name: a}, {port: 81, name: b}]}
""",
    "crd.yaml": """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gears.example.net}
spec:
  group: example.net
  scope: Namespaced
  names: {plural: gears, singular: gear, kind: Gear, shortNames: [gr]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
""",
    "gear.yaml": """
apiVersion: example.net/v1
kind: Gear
metadata: {name: g1}
spec: {teeth: 12}
""",
    "widget.yaml": """
apiVersion: example.com/v1
kind: Widget
metadata: {name: w1}
spec: {size: 2, colour: red}
""",
    "badwidget.yaml": """
apiVersion: example.com/v1
kind: Widget
metadata: {name: w1}
spec: {size: 2, colour: mauve}
""",
    "job.yaml": """
apiVersion: batch/v1
kind: Job
metadata: {generateName: once-}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}
""",
    "kustomization.yaml": """
resources: [cm.yaml]
namePrefix: k-
""",
    "unreachable.json": """
{"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
"clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "u", "user": {"token": "x"}}]}
""",
    "watch.py": """
import base64, json, os, ssl, urllib.request
config = json.load(open(os.environ["KUBECONFIG"]))
cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
while True:
    request = urllib.request.Request(cluster["server"] + "/apis/apps/v1/namespaces/shop/deployments?watch=1")
    request.add_header("Authorization", "Bearer " + user["token"])
    for line in urllib.request.urlopen(request, context=context):
        pass
""",
    "odd.py": """
import json, os, ssl, sys, urllib.request, base64
config = json.load(open(os.environ["KUBECONFIG"]))
cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
method, path, body, kind = (sys.argv[1:] + [""] * 4)[:4]
request = urllib.request.Request(cluster["server"] + path, data=body.encode() or None, method=method)
request.add_header("Authorization", "Bearer " + user["token"])
if body:
    request.add_header("Content-Type", kind or "application/json")
try:
    print(urllib.request.urlopen(request, context=context).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
""",
}


def lay_out(folder: Path) -> None:
    """Writes all of them."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
