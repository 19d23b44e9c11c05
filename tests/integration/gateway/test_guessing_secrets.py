"""Nobody who may rehearse writes of a Secret can find out whether a guess of its value is right."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator

import pytest

from bot.changes import diff, recheck
from bot.values.requests import ApiRequest
from tests.integration.gateway.lab import NOBODY, Lab

RIGHT, WRONG = "canary-hunter2-canary", "quite-another-guess-of-another-length"
"""The value of `creds` in the seed, and one that it has not."""

FILE = """cat >guess.yaml <<END
apiVersion: v1
kind: Secret
metadata: {name: NAME, namespace: shop}
TYPE
stringData: {password: "GUESS"}
END
"""
DATA = FILE.replace('stringData: {password: "GUESS"}', "data: {password: ENCODED, user: YWxpY2U=}")
TOKEN, SERVER = (
    f"$(kubectl config view --raw -o jsonpath='{{{path}}}')" for path in (".users[0].user.token", ".clusters[0].cluster.server")
)
CURL = f'curl -sk -H "Authorization: Bearer {TOKEN}" {SERVER}/api/v1/namespaces/shop/secrets/NAME'
SEEN = "-o yaml --show-managed-fields"

COMMANDS = {
    "strategic patch": f'kubectl patch secret NAME -p \'{{"stringData":{{"password":"GUESS"}}}}\' {SEEN}',
    "merge patch": f'kubectl patch secret NAME --type=merge -p \'{{"data":{{"password":"ENCODED"}}}}\' {SEEN}',
    "words of a patch": 'kubectl patch secret NAME -p \'{"data":{"password":"ENCODED"}}\'',
    "json patch": 'kubectl patch secret NAME --type=json -p \'[{"op":"replace","path":"/data/password","value":"ENCODED"}]\' ' + SEEN,
    "json patch of all data": "kubectl patch secret NAME --type=json -p "
    '\'[{"op":"add","path":"/data","value":{"password":"ENCODED","user":"YWxpY2U="}}]\'',
    "own dry run": f'kubectl patch secret NAME --dry-run=server -p \'{{"data":{{"password":"ENCODED"}}}}\' {SEEN}',
    "one field twice": 'kubectl patch secret NAME --type=merge -p \'{"data":{"password":"ENCODED"},"data":{}}\' ' + SEEN,
    "client-side apply": FILE + "kubectl apply -f guess.yaml; kubectl get secret NAME " + SEEN,
    "client-side apply of data": DATA + "kubectl apply -f guess.yaml; kubectl apply -f guess.yaml",
    "server-side apply": FILE + "kubectl apply --server-side -f guess.yaml " + SEEN,
    "server-side apply of data": DATA + "kubectl apply --server-side --field-manager=other -f guess.yaml " + SEEN,
    "forced server-side apply": DATA + "kubectl apply --server-side --force-conflicts -f guess.yaml " + SEEN,
    "diff": FILE + "kubectl diff -f guess.yaml",
    "diff of data": DATA + "kubectl diff -f guess.yaml",
    "server-side diff": DATA + "kubectl diff --server-side --force-conflicts -f guess.yaml",
    "replace": DATA + "kubectl replace -f guess.yaml " + SEEN,
    "replace --force": DATA + "kubectl replace --force -f guess.yaml; kubectl get secret NAME " + SEEN,
    "edit": """printf '#!/bin/sh\\nprintf "stringData: {password: GUESS}\\\\n" >>"$1"\\n' >editor; chmod +x editor
KUBE_EDITOR=./editor kubectl edit secret NAME -o yaml""",
    "a second patch": 'kubectl patch secret NAME -p \'{"metadata":{"labels":{"a":"b"}}}\'; kubectl patch secret NAME -p '
    f'\'{{"data":{{"password":"ENCODED"}}}}\' {SEEN}',
    "an annotation": 'kubectl annotate secret NAME kubectl.kubernetes.io/last-applied-configuration=\'{"kind":"Secret","data":'
    f'{{"password":"ENCODED"}}}}\' --overwrite {SEEN}',
    "reads after a write": 'kubectl patch secret NAME -p \'{"stringData":{"password":"GUESS"}}\' >/dev/null; kubectl describe secret NAME; '
    "kubectl get secret NAME -o jsonpath='{.data.password}' | base64 -d; kubectl get secrets; kubectl get secret NAME -o go-template="
    "'{{.data.password | base64decode}}'; kubectl get --raw /api/v1/namespaces/shop/secrets/NAME; "
    "timeout 1 kubectl get secret NAME -w -o json",
    "yaml by hand": f"{CURL}'?fieldManager=me&force=true' -X PATCH -H 'Content-Type: application/apply-patch+yaml' "
    "--data-binary $'apiVersion: v1\\nkind: Secret\\ndata:\\n  password: ENCODED\\n'",
    "a list of bytes": f"{CURL} -X PATCH -H 'Content-Type: application/merge-patch+json' "
    '--data \'{"data":{"password":BYTES,"other":BYTES}}\'; kubectl get secret NAME ' + SEEN,
    "a list of bytes by json patch": f"{CURL} -X PATCH -H 'Content-Type: application/json-patch+json' "
    '--data \'[{"op":"replace","path":"/data/password","value":BYTES}]\'',
    "field of another case": f"{CURL} -X PATCH -H 'Content-Type: application/merge-patch+json' "
    '--data \'{"Data":{"password":"ENCODED"}}\'',
}


def ask(template: str, guess: str, name: str = "creds") -> str:
    encoded = base64.b64encode(guess.encode()).decode()
    kind, numbers = "type: Opaque", str([*guess.encode()])
    for word, value in (("NAME", name), ("GUESS", guess), ("ENCODED", encoded), ("TYPE", kind), ("BYTES", numbers)):
        template = template.replace(word, value)
    return template


def without_chance(text: str, guess: str) -> str:
    """What was printed, without what differs between any two runs, and without the guess and its own marks."""
    text = re.sub(r"[A-Za-z0-9+/]{31}=", lambda found: base64.b64decode(found[0]).decode("utf-8", "replace"), text)
    text = re.sub(r"new-[0-9a-f]{8}", "new-", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z|\d{4}-\d\d-\d\d [\d:.]+ [+-]\d{4}|/tmp/[\w./-]+|\b(?:\d+[smhd])+\b", "TIME", text)
    return text.replace(guess, "GUESS")


@pytest.mark.parametrize("how", COMMANDS)
async def test_a_right_guess_gets_the_answer_of_a_wrong_one(lab: Lab, how: str) -> None:
    seen = []
    for guess in (RIGHT, WRONG):
        ran = await lab.rehearse(ask(COMMANDS[how], guess))
        shown = [(found.action, [(f.path, f.op) for f in found.fields]) for found in map(diff.of_write, ran.recording.writes)]
        seen.append((ran.code, without_chance(ran.out, guess), without_chance(ran.err, guess), shown))

    assert seen[0] == seen[1]
    assert seen[0][1] or seen[0][2]


@pytest.mark.parametrize(
    "how", ["strategic patch", "replace", "client-side apply of data", "server-side apply of data", "words of a patch"]
)
async def test_an_immutable_secret_refuses_every_guess(lab: Lab, how: str) -> None:
    await lab.direct(f"kubectl create secret generic fixed --from-literal=password={RIGHT} --from-literal=user=alice")
    await lab.direct("kubectl patch secret fixed -p '{\"immutable\":true}'")

    first, second = [await lab.rehearse(ask(COMMANDS[how], guess, "fixed")) for guess in (RIGHT, WRONG)]
    await lab.direct("kubectl delete secret fixed")

    assert first.code == second.code != 0
    assert without_chance(first.err, RIGHT) == without_chance(second.err, WRONG)


async def test_a_written_key_shows_as_changed_whatever_its_value(lab: Lab) -> None:
    for guess in (RIGHT, WRONG):
        ran = await lab.rehearse(ask(COMMANDS["words of a patch"], guess))

        (field,) = diff.of_write(ran.recording.writes[0]).fields
        assert (field.path, field.op) == ("data.password", "replace")
        assert re.fullmatch(r"\[redacted:[0-9a-f]{12}\]", field.old)
        assert re.fullmatch(r"\[redacted:new-[0-9a-f]{8}\]", field.new)
        assert "patched" in ran.out
        assert "no change" not in ran.out
        assert guess.encode() in base64.b64decode(re.findall(rb'"password":"([^"]+)"', ran.recording.writes[0].request.body)[0])


async def test_marks_of_guesses_are_never_those_of_values(lab: Lab) -> None:
    """Not in a Secret of one's own, not in other objects that hold one, not in questions, not in text, not in refusals."""
    mark = (await lab.rehearse("kubectl get secret creds -o jsonpath='{.data.password}' | base64 -d")).out
    assert re.fullmatch(r"\[redacted:[0-9a-f]{12}\]", mark)
    inner = f'{{"kind":"Secret","data":{{"a":"{base64.b64encode(RIGHT.encode()).decode()}"}}}}'
    applied = f"kubectl.kubernetes.io/last-applied-configuration='{inner}'"
    review = f'{{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{{"annotations":{{"x":{inner}}}}}}}'

    ran = await lab.rehearse(
        f"kubectl create secret generic mine --from-literal=password={RIGHT} -o yaml; kubectl get secret mine -o yaml;"
        f" kubectl create configmap mine --from-literal=a=b -o name; kubectl annotate configmap mine {applied} -o yaml;"
        f' kubectl label configmap mine owner=helm; kubectl patch configmap mine -p \'{{"data":{{"release":"{RIGHT}"}}}}\' -o yaml;'
        f" kubectl create -f - -o yaml <<< '{review}'; kubectl get --raw '/api/v1/namespaces/shop/secrets?resourceVersion={RIGHT}';"
        f" kubectl annotate deployment web {applied} -o yaml; kubectl get deployments,configmaps -o yaml; kubectl get cm mine -o yaml"
    )

    printed = re.sub(r"[A-Za-z0-9+/]{31}=", lambda found: base64.b64decode(found[0]).decode("utf-8", "replace"), ran.out + ran.err)
    assert "new-" in printed
    assert mark not in printed
    async with lab.cluster.rehearse("T1:C1:1", NOBODY, "shop", "") as rehearsal:
        assert mark not in await rehearsal.redact(f"password={RIGHT}\nexport TOKEN={RIGHT}")


async def test_equal_secrets_look_equal_in_one_thread_and_not_in_another(lab: Lab) -> None:
    await lab.direct(f"kubectl create secret generic twin --from-literal=password={RIGHT}")
    path = "/api/v1/namespaces/shop/secrets/"
    here, same, elsewhere = (lab.cluster.api_for(thread) for thread in ("one", "one", "two"))

    async def mark(api: object, name: str) -> str:
        response = await api.send(ApiRequest("GET", path + name), None, dry_run=False)  # type: ignore[attr-defined]
        return base64.b64decode(response.object["data"]["password"]).decode()

    shown = [await mark(here, "creds"), await mark(same, "twin"), await mark(elsewhere, "creds")]
    await lab.direct("kubectl delete secret twin")

    assert shown[0] == shown[1] != shown[2]


async def test_what_the_re_check_sees_is_what_was_recorded(lab: Lab) -> None:
    ran = await lab.rehearse(ask(COMMANDS["strategic patch"], WRONG))
    (write,) = ran.recording.writes

    again = await lab.cluster.api_for("T1:C1:1").send(write.request, write.identity, dry_run=True)

    assert again.object["data"] == write.after["data"]


async def test_two_writes_of_one_secret_are_still_as_approved_when_the_first_has_landed(lab: Lab) -> None:
    await lab.direct("kubectl create secret generic rotated --from-literal=password=old")
    ran = await lab.rehearse(
        "echo '{apiVersion: v1, kind: Secret, metadata: {name: rotated}, stringData: {password: typed}}' >new.yaml;"
        " kubectl apply --server-side --force-conflicts -f new.yaml; kubectl apply --server-side --force-conflicts -f new.yaml;"
        ' kubectl patch secret rotated -p \'{"stringData":{"password":"again"}}\''
    )
    api = lab.cluster.api_for("T1:C1:1")

    for write in ran.recording.writes:
        checked = await recheck.check(api, write, diff.of_write(write))
        assert isinstance(checked, recheck.Same), checked
        assert (await api.send(checked.request, write.identity, dry_run=False)).is_success
    landed = await lab.direct(
        "kubectl get secret rotated -o jsonpath='{.data.password}' | base64 -d; kubectl delete secret rotated >/dev/null"
    )

    assert len(ran.recording.writes) == 3
    assert landed.out == "again"


_ROOM = 48_576
"""Bytes that fit into a Secret beside the million that it holds already."""


@pytest.fixture
async def large(lab: Lab) -> AsyncIterator[Lab]:
    made = await lab.direct("yes | head -c 1000000 >held; kubectl create secret generic large --from-file=held; rm held")
    assert "created" in made.out, made.err
    yield lab
    await lab.direct("kubectl delete secret large")


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # a megabyte is written at one go
async def test_the_size_limit_does_not_tell_how_much_a_secret_holds(large: Lab) -> None:
    def add(size: int) -> str:
        patch = json.dumps({"stringData": {"more": "x" * size}})
        (large.folder / "patch.json").write_text(patch)
        return "kubectl patch secret large --patch-file=patch.json"

    directly = [(await large.direct(f"{add(size)} --dry-run=server")).code for size in (_ROOM, _ROOM + 1)]
    fits, does_not, never_does = [await large.rehearse(add(size)) for size in (_ROOM, _ROOM + 1, 1_048_577)]

    assert directly == [0, 1]
    assert (
        (fits.code, fits.out, len(fits.writes)) == (does_not.code, does_not.out, len(does_not.writes)) == (0, "secret/large patched\n", 1)
    )
    assert (never_does.code, never_does.writes) == (1, [])
    assert "Too long" in never_does.err
