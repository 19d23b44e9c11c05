"""Reads that a rehearsed write would show in, were it applied, and those that it would not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.gateway.protocol.request_info import Parsed, parse
from bot.gateway.rehearsal.influence import influences, may_change
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.values.requests import Json

BEFORE = {"spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "web"}}}}, "metadata": {"labels": {"app": "web"}}}
AFTER = {**BEFORE, "spec": {**BEFORE["spec"], "replicas": 2}}
WEB = Entry(Key("apps", "deployments", "shop", "web"), "v1", "Deployment", BEFORE, AFTER, (0,))
JOB = Entry(Key("batch", "jobs", "shop", "once"), "v1", "Job", None, {"spec": {"template": {"spec": {}}}}, (0,))
SERVICE = Entry(Key("", "services", "shop", "web"), "v1", "Service", {"spec": {"selector": {"a": "b"}}}, {"spec": {"selector": {}}}, (0,))
CONFIG = Entry(Key("", "configmaps", "shop", "web"), "v1", "ConfigMap", None, {"data": {}}, (0,))
CRON = Entry(Key("batch", "cronjobs", "shop", "tick"), "v1", "CronJob", {"spec": {"suspend": True}}, {"spec": {"suspend": False}}, (0,))

PODS = "/api/v1/namespaces/shop/pods"
EVENTS = "/api/v1/namespaces/shop/events"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"


@pytest.mark.parametrize(
    ("entry", "path", "labels", "fields", "expected"),
    [
        (WEB, PODS, "", "", True),
        (WEB, PODS, "app=web", "", True),
        (WEB, PODS, "app=api", "", False),
        (WEB, "/api/v1/pods", "app=web", "", True),
        (WEB, "/api/v1/namespaces/bank/pods", "app=web", "", False),
        (WEB, f"{PODS}/web-5c9-x2k", "", "", True),
        (WEB, f"{PODS}/api-5c9-x2k", "", "", False),
        (WEB, f"{PODS}/web-5c9-x2k/log", "", "", False),
        (WEB, "/apis/apps/v1/namespaces/shop/replicasets", "app=web", "", True),
        (WEB, "/apis/apps/v1/namespaces/shop/deployments", "", "", False),
        (WEB, "/apis/apps/v1/namespaces/shop/controllerrevisions", "", "", False),
        (WEB, SLICES, "", "", True),
        (WEB, "/api/v1/namespaces/shop/endpoints/web", "", "", True),
        (WEB, "/api/v1/namespaces/shop/configmaps", "", "", False),
        (WEB, EVENTS, "", "", True),
        (WEB, EVENTS, "", "involvedObject.name=web", True),
        (WEB, EVENTS, "", "involvedObject.kind=Pod,involvedObject.name=web-5c9-x2k", True),
        (WEB, "/apis/events.k8s.io/v1/namespaces/shop/events", "", "regarding.name=api", False),
        (replace(WEB, current=None), PODS, "app=web", "", True),
        (replace(WEB, current=BEFORE), PODS, "app=web", "", False),
        (replace(WEB, current=BEFORE, is_recreated=True), PODS, "app=web", "", True),
        (JOB, PODS, "job-name=once", "", True),
        (JOB, PODS, "job-name=twice", "", False),
        (SERVICE, SLICES, "kubernetes.io/service-name=web", "", True),
        (SERVICE, PODS, "", "", False),
        (CRON, "/apis/batch/v1/namespaces/shop/jobs", "", "", True),
        (CONFIG, EVENTS, "", "", False),
        (CONFIG, PODS, "", "", False),
    ],
)
def test_a_write_shows_in_what_controllers_make_of_it(entry: Entry, path: str, labels: str, fields: str, expected: Json) -> None:
    parsed = parse("GET", path)
    assert isinstance(parsed, Parsed)

    assert influences(entry, parsed.info, labels, fields) is expected


CERTIFICATE = Entry(Key("cert-manager.io", "certificates", "shop", "tls"), "v1", "Certificate", None, {"spec": {"dnsNames": []}}, (0,))
NEW_NAMESPACE = Entry(Key("", "namespaces", "", "shop"), "v1", "Namespace", None, {"metadata": {}}, (0,))
SECRET = "/api/v1/namespaces/shop/secrets/tls"
ANYWHERE = "/api/v1/namespaces/bank/secrets/tls"


@pytest.mark.parametrize(
    ("entry", "path", "expected"),
    [
        (CERTIFICATE, SECRET, True),
        (CERTIFICATE, "/api/v1/persistentvolumes/tls", True),
        (CERTIFICATE, ANYWHERE, False),
        (CERTIFICATE, "/apis/cert-manager.io/v1/namespaces/shop/certificates/tls", False),
        (replace(CERTIFICATE, key=Key("cert-manager.io", "clusterissuers", "", "tls")), ANYWHERE, True),
        (replace(CERTIFICATE, live={"spec": {"dnsNames": []}, "status": {}, "metadata": {"uid": "1"}}), SECRET, False),
        (replace(CERTIFICATE, live={"spec": {"dnsNames": []}, "metadata": {"annotations": {"renew": "1"}}}), SECRET, True),
        (replace(CERTIFICATE, live={"spec": {}}, current=None), SECRET, True),
        (WEB, ANYWHERE, True),
        (replace(WEB, current=BEFORE), SECRET, False),
        (CONFIG, SECRET, False),
        (SERVICE, SECRET, False),
        (NEW_NAMESPACE, "/api/v1/namespaces/shop/serviceaccounts/default", True),
        (NEW_NAMESPACE, ANYWHERE, False),
        (replace(NEW_NAMESPACE, live={"metadata": {}}), SECRET, False),
    ],
)
def test_a_write_that_sets_a_program_to_work_may_show_elsewhere(entry: Entry, path: str, expected: bool) -> None:
    parsed = parse("GET", path)

    assert isinstance(parsed, Parsed)
    assert may_change(entry, parsed.info) is expected
