"""A hook of the chart: replaces the CRD of AlertScaler before an upgrade, or deletes it after the release.

`upgrade` keeps the labels and annotations that others gave the CRD, and never replaces a later revision. `delete` keeps
the CRD while any AlertScaler is left. Reads CRD (JSON), API (default: the pod's own API server) and the files of the
pod's service account in ACCOUNT.
"""

import json
import os
import pathlib
import ssl
import sys
import urllib.error
import urllib.request

ACCOUNT = pathlib.Path(os.environ.get("ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount"))
API = os.environ.get("API", "https://kubernetes.default.svc")
REVISION = "scaling.scrap.dev/revision"
CRD = json.loads(os.environ["CRD"])
PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD['metadata']['name']}"


def ask(method, path, body=None):
    """The JSON that the API server returns; None: it has no such object."""
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data=data, headers=headers, method=method)
    context = ssl.create_default_context(cafile=ACCOUNT / "ca.crt") if API.startswith("https:") else None
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")


def revision(crd):
    """How many changes of the CRD it has."""
    return int((crd["metadata"].get("annotations") or {}).get(REVISION, 0))


def upgrade():
    """Replaces an older CRD."""
    there = ask("GET", PATH)
    if there is None:
        sys.exit("the cluster has no CRD to upgrade: helm show crds prints the chart's")
    if revision(there) >= revision(CRD):
        return f"the cluster's CRD has revision {revision(there)}, the chart's {revision(CRD)}: nothing to do"
    metadata = {"name": CRD["metadata"]["name"], "resourceVersion": there["metadata"]["resourceVersion"]}
    for field in ("labels", "annotations"):
        metadata[field] = {**(there["metadata"].get(field) or {}), **(CRD["metadata"].get(field) or {})}
    ask("PUT", PATH, {**CRD, "metadata": metadata})
    return f"replaced revision {revision(there)} of the CRD with {revision(CRD)}"


def delete():
    """Deletes the CRD, if no object of it is left."""
    spec = CRD["spec"]
    left = ask("GET", f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}?limit=1")
    if left and left["items"]:
        namespace, name = (left["items"][0]["metadata"][key] for key in ("namespace", "name"))
        return f"the CRD stays: there is an AlertScaler {namespace}/{name}"
    ask("DELETE", PATH)
    return "deleted the CRD"


print({"upgrade": upgrade, "delete": delete}[sys.argv[1]]())
