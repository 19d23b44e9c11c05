"""Command lines that change something, in chapters: each goes on from what the line before it left behind.

`$NS` is the namespace, which the names of cluster-wide objects hold too.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.gateway.files import PROXY


@dataclass(frozen=True, slots=True)
class Line:
    """One command line. `why_other` says why a rehearsal of it does not print and end like the command itself."""

    command: str
    why_other: str = ""
    why_apart: str = ""
    """Why the results differ in who owns which field (`managedFields`), and in nothing else."""
    why_fails: str = ""
    """Why the command itself ends with an error: a line that fails by mistake compares nothing."""


def _lines(*commands: str | Line) -> tuple[Line, ...]:
    return tuple(Line(command) if isinstance(command, str) else command for command in commands)


def _hold(name: str) -> str:
    return f'kubectl patch cm {name} --type=merge -p \'{{"metadata":{{"finalizers":["example.com/hold"]}}}}\''


def _manifest(name: str, data: str, extra: str = "") -> str:
    return f"printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {{name: {name}{extra}}}\\ndata: {{{data}}}\\n'"


CHAPTERS: dict[str, tuple[Line, ...]] = {
    "workloads": _lines(
        "kubectl scale deploy/web --replicas=2",
        "kubectl scale deploy/web --replicas=1 --current-replicas=2",
        "kubectl set image deploy/web web=nginx:1.27",
        "kubectl set env deploy/web MODE=slow EXTRA=1",
        "kubectl set env deploy/web EXTRA-",
        "kubectl set env deploy/web --from=configmap/spare",
        "kubectl set resources deploy/web --limits=cpu=500m,memory=64Mi --requests=cpu=100m",
        "kubectl set serviceaccount deploy/web robot",
        "kubectl rollout restart deploy/web",
        "kubectl rollout undo deploy/web",
        "kubectl rollout undo deploy/web --to-revision=2",
        "kubectl rollout pause deploy/web && kubectl rollout resume deploy/web",
        "kubectl rollout pause deploy/web",
        "kubectl set image deploy/web web=nginx:1.28 && kubectl set env deploy/web MODE=medium && kubectl rollout resume deploy/web",
        'kubectl patch deploy/web --type=json -p \'[{"op":"replace","path":"/spec/replicas","value":2}]\'',
        'kubectl patch deploy/web --type=merge -p \'{"spec":{"minReadySeconds":3}}\'',
        'kubectl patch deploy/web -p \'{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox"}]}}}}\'',
        'kubectl patch deploy/web -p \'{"spec":{"template":{"spec":{"containers":[{"name":"side","$patch":"delete"}]}}}}\'',
        'kubectl patch deploy/web --subresource=scale --type=merge -p \'{"spec":{"replicas":1}}\'',
        "kubectl label deploy/web tier=front && kubectl annotate deploy/web note=x",
        "kubectl label deploy/web tier=back --overwrite",
        "kubectl label deploy/web tier-",
        "kubectl annotate deploy,svc --all note=y --overwrite",
        "kubectl autoscale deploy/web --min=1 --max=3 --cpu=80%",
        "kubectl expose deploy/web --name=web2 --port=80 --target-port=8080 --type=NodePort",
        "kubectl set selector svc web2 app=other",
        'kubectl patch svc web2 -p \'{"spec":{"type":"ClusterIP"}}\'',
        "kubectl get deploy/web -o json | jq '.spec.template.spec.terminationGracePeriodSeconds=5' | kubectl replace -f -",
        "EDITOR='sed -i s/minReadySeconds:.*/minReadySeconds:\\ 7/' kubectl edit deploy/web",
        "kubectl scale sts/db --replicas=2",
        "kubectl set image sts/db db=postgres:18",
        "kubectl rollout restart sts/db",
        "for d in $(kubectl get deploy -o name); do kubectl scale $d --replicas=2; kubectl annotate $d looped=yes; done",
        "kubectl delete deploy web --cascade=orphan",
        "kubectl apply -f web.yaml",
        "sed -i s/1.27/1.29/ web.yaml && kubectl apply -f web.yaml",
        "kubectl replace -f web.yaml && sed -i s/1.29/1.27/ web.yaml",
        "kubectl apply -f web.yaml --server-side --force-conflicts",
        "kubectl set image deploy/web *=nginx:1.30 --field-manager=mine",
        "kubectl delete deploy/web --cascade=foreground --wait=false",
        "kubectl delete sts/db --cascade=background",
        "kubectl delete hpa,svc --all",
    ),
    "objects": _lines(
        "kubectl create cm fresh --from-literal=a=1 --from-file=cm.yaml",
        "kubectl create cm again --from-literal=a=1 && kubectl label cm again b=c && kubectl delete cm again",
        "kubectl create secret generic hidden --from-literal=password=hunter2",
        'kubectl patch secret hidden -p \'{"stringData":{"password":"hunter3","more":"x"}}\'',
        "kubectl create secret docker-registry pull --docker-server=r.example --docker-username=u --docker-password=p",
        "kubectl create secret tls cert --cert=cert.pem --key=key.pem",
        "kubectl create deploy api --image=nginx:1.27 --replicas=2 --port=80",
        "kubectl create quota small --hard=pods=50,configmaps=90",
        "kubectl create job once --image=busybox -- true",
        "kubectl create job tock --from=cronjob/tick",
        "kubectl delete job once && kubectl create job once --image=busybox -- date && kubectl label job once a=b",
        "kubectl create job twice --image=busybox -- true && kubectl annotate job twice a=b &&"
        ' kubectl patch job twice -p \'{"spec":{"suspend":true}}\'',
        "kubectl create cronjob tack --image=busybox --schedule='0 0 1 1 *' -- date",
        "kubectl create service clusterip plain --tcp=80:8080 && kubectl create service externalname far --external-name=far.example",
        "kubectl create service nodeport high --tcp=80",
        "kubectl delete svc plain && kubectl create service clusterip plain --tcp=81 && kubectl label svc plain a=b",
        "kubectl create ingress way --rule=a.example/x=api:80 --class=none",
        "kubectl create pdb keep --selector=app=api --min-available=1",
        "kubectl create priorityclass pc-$NS --value=5 --description=x",
        "kubectl run lone --image=nginx:1.27 --labels=app=lone --env=A=B",
        'kubectl run two --image=nginx --overrides=\'{"spec":{"terminationGracePeriodSeconds":3}}\' --port=80 --expose',
        'kubectl patch pod lone --subresource=status --type=merge -p \'{"status":{"reason":"tested"}}\'',
        "kubectl label pods -l app=lone seen=yes",
        "kubectl debug lone --image=busybox --attach=false -q -c dbg",
        "kubectl debug lone --image=busybox --attach=false -q -c d1 && kubectl debug lone --image=busybox --attach=false -q -c d2 &&"
        " kubectl label pod lone debugged=yes",
        "kubectl delete pod lone --grace-period=0 --force",
        "kubectl delete pod two --now",
        "kubectl create ns extra-$NS && kubectl -n extra-$NS create cm a --from-literal=x=1 && kubectl -n"
        " extra-$NS create deploy d --image=x",
        "kubectl label ns extra-$NS team=a && kubectl annotate ns extra-$NS team=b",
        "kubectl delete ns extra-$NS --wait=false",
        "kubectl create -f job.yaml",
        "kubectl create -f gen.yaml -o name",
        'kubectl create -f <(echo \'{"apiVersion":"v1","kind":"List","items":[\') || true',
        "kubectl create -f list.json",
        "kubectl create -f volume.yaml",
        'kubectl patch cm settings --type=json -p \'[{"op":"remove","path":"/data/size"},{"op":"add","path":"/data/x","value":"y"}]\'',
        'kubectl patch cm settings --type=merge -p \'{"data":{"x":null}}\'',
        'kubectl patch cm settings --type=merge -p \'{"metadata":{"finalizers":["example.com/hold"]}}\'',
        'kubectl patch cm settings --type=merge -p \'{"metadata":{"finalizers":null}}\' && kubectl delete cm settings',
        "kubectl delete cm -l app=spare",
        "kubectl delete cm nothing --ignore-not-found; kubectl delete cm fresh",
        "kubectl get quota,pdb -o name | xargs kubectl delete",
        "kubectl create cm owner && kubectl create cm owned --from-literal=a=1 && kubectl patch cm owned --type=merge -p"
        ' "{\\"metadata\\":{\\"ownerReferences\\":[{\\"apiVersion\\":\\"v1\\",\\"kind\\":\\"ConfigMap\\",\\"name\\":\\"owner\\",'
        '\\"uid\\":\\"$(kubectl get cm owner -o jsonpath={.metadata.uid})\\"}]}}"; sleep 1; kubectl get cm owned -o name',
        "kubectl delete svc --field-selector=metadata.name=far",
        Line("kubectl delete all -l app=api", why_other="what a controller takes away by itself is there or not when kubectl comes to it"),
        "kubectl delete --raw /api/v1/namespaces/$NS/configmaps | jq -c '[.kind, [.items[].metadata.name]]'",
        "kubectl delete job,cronjob,ing --all --cascade=background",
        "kubectl delete priorityclass pc-$NS; kubectl delete pvc disk --wait=false",
        Line(
            "kubectl create deploy bad --image='' ; kubectl create cm 'Not Good'; kubectl scale deploy/none --replicas=1",
            why_fails="invalid",
        ),
    ),
    "rollouts": _lines(
        "kubectl set image deploy/web web=nginx:1.26",
        "kubectl set image deploy/web web=nginx:1.27 && kubectl rollout undo deploy/web; kubectl get deploy/web -o yaml | grep image:",
        "kubectl set env deploy/web A=1; kubectl set image deploy/web web=nginx:1.28; sleep 1; kubectl rollout undo deploy/web",
        Line(
            "set -e; trap 'kubectl rollout undo deploy/web' ERR; kubectl set image deploy/web web=nginx:1.29; false",
            why_fails="the command that is to be rolled back fails",
        ),
        "kubectl set image sts/db db=postgres:18 && kubectl rollout undo sts/db",
        "kubectl rollout pause deploy/web; kubectl set image deploy/web web=nginx:1.30; kubectl set env deploy/web B=1;"
        " kubectl rollout resume deploy/web; sleep 1; kubectl rollout undo deploy/web",
        'kubectl create deploy agent --image=a:1 --dry-run=client -o json | jq \'.kind="DaemonSet" |'
        ' .spec.template.spec.nodeSelector={none:"none"} | del(.spec.replicas, .spec.strategy, .status)\' | kubectl create -f -',
        "kubectl set image ds/agent *=a:2; kubectl set env ds/agent A=1; sleep 1; kubectl rollout undo ds/agent",
    ),
    "oncall": _lines(
        "kubectl rollout pause deploy/web; for v in 1.26 1.27; do kubectl set image deploy/web web=nginx:$v; done; kubectl rollout resume"
        " deploy/web",
        # A line each: of two templates at once a controller may see one or both, and makes as many revisions.
        "printf 'X=1\\nY=two words\\n' | kubectl set env deploy/web -e -",
        "kubectl set env deploy --all X-",
        "kubectl set serviceaccount sts/db robot",
        "kubectl set image deploy,sts --all '*=registry.example/app:2'",
        'kubectl patch svc web --type=json -p \'[{"op":"add","path":"/spec/ports/0/name","value":"http"}]\' && kubectl patch svc web -p'
        ' \'{"spec":{"ports":[{"name":"https","port":443}],"sessionAffinity":"ClientIP"}}\'',
        "kubectl delete svc web && kubectl expose deploy web --port=80 --labels=again=yes",
        "kubectl get svc web -o json | jq 'del(.metadata.uid,.metadata.resourceVersion,.spec.clusterIP,.spec.clusterIPs) |"
        ' .metadata.name="blue"\' | kubectl create -f -',
        "kubectl autoscale sts/db --max=2 --memory=70% --name=db && kubectl patch hpa db --type=merge -p"
        ' \'{"spec":{"maxReplicas":4,"behavior":{"scaleDown":{"stabilizationWindowSeconds":60}}}}\'',
        'kubectl patch hpa.v1.autoscaling db -p \'{"spec":{"maxReplicas":6}}\'',
        "kubectl create secret generic idiom --from-literal=a=1 --dry-run=client -o yaml | kubectl apply -f -",
        "kubectl create secret generic idiom --from-literal=b=2 --dry-run=client -o yaml | kubectl apply -f -",
        "kubectl get cm settings -o yaml | sed s/blue/red/ | kubectl replace --force -f -",
        "kubectl get pod one -o yaml | kubectl replace --force -f -",
        "mkdir set && cp cm.yaml svc.yaml set && KUBECTL_APPLYSET=true kubectl apply -f set --prune --applyset=sets -n $NS",
        "rm set/cm.yaml && KUBECTL_APPLYSET=true kubectl apply -f set --prune --applyset=sets -n $NS",
        "kubectl debug other --copy-to=copy --container=c --image=busybox --attach=false -q",
        "while read -r name replicas; do kubectl scale deploy $name --replicas=$((replicas+1)); done < <(kubectl get deploy -o"
        " jsonpath='{range .items[*]}{.metadata.name} {.spec.replicas}{\"\\n\"}{end}')",
        'kubectl patch deploy web -p \'{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}\'',
        "kubectl create role ops --verb='*' --resource=pods && kubectl create rolebinding ops --role=ops --user=eve && kubectl set subject"
        " rolebinding ops --group=oncall",
        "kubectl cordon n-$NS && kubectl taint node n-$NS a=b:NoSchedule maintenance:NoExecute; kubectl taint node n-$NS a- maintenance-",
    ),
    "finalizers": _lines(
        _hold("spare") + " && kubectl delete cm spare --wait=false; kubectl get cm spare -o name; kubectl patch cm spare"
        ' --type=json -p \'[{"op":"remove","path":"/metadata/finalizers"}]\'',
        "kubectl create cm spare --from-literal=a=1 && " + _hold("spare") + " && kubectl delete cm spare --wait=false;"
        " kubectl get cm spare -o json | jq '.metadata.finalizers=[]' | kubectl replace -f - && kubectl create cm spare --from-literal=a=2",
        _hold("settings") + " && kubectl delete cm settings --wait=false; kubectl label cm settings seen=yes;"
        ' for c in $(kubectl get cm -o name | grep set); do kubectl patch $c --type=merge -p \'{"metadata":{"finalizers":null}}\'; done;'
        " kubectl get cm -o name | grep -c settings || true",
        Line(_hold("spare") + " && kubectl delete cm spare --wait=false; kubectl create cm spare", why_fails="still being deleted"),
        'kubectl patch cm spare --type=merge -p \'{"metadata":{"finalizers":null}}\'',
        "kubectl create -f volume.yaml && kubectl delete pvc disk && kubectl apply -f volume.yaml",
        "kubectl create ns held-$NS && kubectl delete ns held-$NS --wait=false; kubectl get ns held-$NS -o json | "
        " jq '.spec.finalizers=[]' | kubectl replace --raw /api/v1/namespaces/held-$NS/finalize -f - | jq -r .metadata.name;"
        " kubectl get ns -o name | grep -c held-$NS; kubectl create ns held-$NS",
    ),
    "apply": _lines(
        _manifest("applied", 'a: "1", b: "2"') + " | kubectl apply -f -",
        _manifest("applied", 'a: "3"') + " | kubectl apply -f -",
        _manifest("applied", 'a: "3"') + " | kubectl apply -f -; kubectl label cm applied after=x",
        _manifest("served", 'a: "1", b: "2"') + " | kubectl apply --server-side -f -",
        _manifest("served", 'a: "2"') + " | kubectl apply --server-side -f -",
        Line(
            _manifest("served", 'a: "9"') + " | kubectl apply --server-side --field-manager=other -f -",
            why_fails="another manager owns the field",
        ),
        _manifest("served", 'a: "9"') + " | kubectl apply --server-side --field-manager=other --force-conflicts -f -",
        _manifest("served", 'c: "3"') + " | kubectl replace --force -f -",
        _manifest("served", 'c: "4"') + " | kubectl apply -f -",
        _manifest("both", 'c: "4"') + " | kubectl apply -f - && " + _manifest("both", 'c: "5"') + " | kubectl apply -f -",
        _manifest("ssa2", 'c: "4"')
        + " | kubectl apply --server-side -f - && "
        + _manifest("ssa2", 'd: "5"')
        + " | kubectl apply --server-side -f -",
        "kubectl apply -f cm.yaml -f svc.yaml",
        "kubectl apply -k .",
        "kubectl kustomize . | sed 's/made: here/made: there/' | kubectl apply -f -",
        "kubectl delete -k .",
        "cat cm.yaml <(echo ---) svc.yaml <(echo ---) web.yaml | kubectl apply -f -",
        "kubectl apply view-last-applied deploy web >/dev/null; kubectl apply set-last-applied -f svc.yaml --create-annotation",
        "kubectl apply -f cm.yaml --prune -l made=here --prune-allowlist=core/v1/ConfigMap",
        _manifest("pruned", "a: b", ", labels: {made: here}")
        + " | kubectl apply -f - --prune -l made=here --prune-allowlist=core/v1/ConfigMap",
        """kubectl get cm applied -o yaml | sed 's/"3"/"4"/; /resourceVersion:/d; /uid:/d' | kubectl apply -f -""",
        """kubectl get cm applied -o yaml | sed 's/^  a: .*/  a: "7"/; /resourceVersion:/d; /uid:/d' | kubectl replace -f -""",
        "kubectl annotate -f svc.yaml x=y && kubectl label -f svc.yaml x=y && kubectl delete -f svc.yaml",
        "EDITOR='sed -i s/^..a:.*/\\ \\ a:\\ edited/' kubectl edit cm applied",
        "EDITOR=true kubectl edit cm applied",
        "EDITOR='sed -i s/^..a:.*/\\ \\ a:\\ remembered/' kubectl apply edit-last-applied cm applied",
        "kubectl diff -f web.yaml; sed -i 's/replicas: 5/replicas: 1/' web.yaml; kubectl diff -f web.yaml |"
        " grep -c replicas; kubectl apply -f web.yaml",
        "kubectl apply -f web.yaml --dry-run=server; kubectl apply -f web.yaml --dry-run=client; kubectl"
        " delete cm applied --dry-run=server",
        "printf 'kind: nothing' | kubectl apply -f -; kubectl apply -f missing.yaml; kubectl delete -f cm.yaml --ignore-not-found",
    ),
    "access": _lines(
        "kubectl create role r --verb=get,list --resource=pods,deployments.apps && kubectl create"
        " rolebinding rb --role=r --serviceaccount=$NS:robot",
        "kubectl set subject rolebinding rb --user=alice --group=team",
        "kubectl create clusterrole cr-$NS --verb=get --resource=nodes --non-resource-url=/metrics",
        "kubectl create clusterrole agg-$NS --aggregation-rule=team=$NS",
        "kubectl create clusterrolebinding crb-$NS --clusterrole=cr-$NS --user=bob",
        "kubectl -n $NS create role r --verb=get,watch --resource=pods --dry-run=client -o yaml | kubectl auth reconcile -f -",
        "kubectl -n $NS create role r2 --verb=get --resource=secrets --dry-run=client -o yaml | kubectl auth"
        " reconcile --remove-extra-permissions -f -",
        "kubectl create clusterrole two-$NS --verb=get --resource=pods && kubectl create clusterrole two-$NS --verb=list --resource=pods"
        " --dry-run=client -o yaml | kubectl auth reconcile -f -; kubectl label clusterrole two-$NS a=b;"
        " kubectl delete clusterrole two-$NS",
        "kubectl create sa made && kubectl annotate sa made a=b && kubectl delete sa made",
        "kubectl create serviceaccount builder",
        "kubectl apply -f netpol.yaml",
        Line(
            "kubectl create token robot --duration=10m >/dev/null",
            why_other="a token is given to nobody",
        ),
        "kubectl delete clusterrole,clusterrolebinding -l none=none; kubectl delete clusterrole cr-$NS agg-$NS",
        "kubectl delete clusterrolebinding crb-$NS && kubectl delete role,rolebinding,netpol --all",
        "sed s/NAME/csr-$NS/ csr.yaml | kubectl create -f -",
        Line(
            "kubectl delete csr csr-$NS && sed s/NAME/csr-$NS/ csr.yaml | kubectl create -f - && kubectl certificate approve csr-$NS",
            why_other="the approval of a certificate is recorded and answered as refused",
        ),
        "kubectl delete csr csr-$NS && sed s/NAME/csr-$NS/ csr.yaml | kubectl create -f -",
        Line("kubectl certificate approve csr-$NS", why_other="the approval of a certificate is recorded and answered as refused"),
        "kubectl delete csr csr-$NS && sed s/NAME/csr-$NS/ csr.yaml | kubectl create -f -",
        Line("kubectl certificate deny csr-$NS", why_other="so is a denial"),
        "kubectl delete csr csr-$NS",
    ),
    "custom": _lines(
        "sed s/example.net/$NS.example.net/ crd.yaml | kubectl apply -f -",
        "sed s/example.net/$NS.example.net/ gear.yaml | kubectl apply -f -; kubectl get gears.$NS.example.net -o name",
        'kubectl patch gears.$NS.example.net g1 --type=merge -p \'{"spec":{"teeth":13}}\'',
        "kubectl apply -f widget.yaml",
        "kubectl scale widget w1 --replicas=5",
        'kubectl patch widget w1 --type=merge -p \'{"spec":{"colour":"green"}}\'',
        Line('kubectl patch widget w1 --type=merge -p \'{"spec":{"colour":"mauve"}}\'', why_fails="no such colour"),
        'kubectl patch widget w1 --subresource=status --type=merge -p \'{"status":{"size":3}}\'',
        "kubectl apply -f widget.yaml && kubectl label widget w1 a=b && kubectl annotate wd w1 c=d",
        'kubectl patch widget w1 --type=merge -p \'{"metadata":{"finalizers":["a.example/b"]}}\' && kubectl delete widget w1 --wait=false',
        'kubectl patch widget w1 --type=json -p \'[{"op":"remove","path":"/metadata/finalizers"}]\'',
        "sed s/w1/w2/ widget.yaml | kubectl apply --server-side -f - && sed s/w1/w2/ widget.yaml | kubectl apply --server-side -f -",
        "sed 's/w1/w3/' widget.yaml | kubectl apply -f -",
        Line(
            "sed 's/w1/w3/; s/red/green/' widget.yaml | kubectl apply --server-side --force-conflicts -f -",
            why_apart="kubectl hands the fields of client-side applies over in a second step that builds on the owners the first one makes:"
            " it is put off to the next apply, as kubectl itself does where that step fails",
        ),
        Line("sed 's/w1/w3/; s/red/green/; s/2/3/' widget.yaml | kubectl apply -f -", why_apart="the owners are those of the line before"),
        "kubectl delete widget w2 w3",
        "kubectl apply -f badwidget.yaml; kubectl create -f widget.yaml && kubectl delete widgets --all",
        "sed s/example.net/two.$NS.example.net/ crd.yaml | kubectl apply -f - && kubectl wait --for=condition=Established"
        " crd/gears.two.$NS.example.net --timeout=20s && sed s/example.net/two.$NS.example.net/ gear.yaml | kubectl apply -f -",
        "kubectl delete crd gears.two.$NS.example.net gears.$NS.example.net",
        "sed 's/example.net/three.'$NS'.example.net/; s/^  versions:/&\\n  - {name: v1beta1, served: true, storage: false, schema:"
        " {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}/' crd.yaml | kubectl create -f - &&"
        " kubectl wait --for=condition=Established crd/gears.three.$NS.example.net --timeout=20s",
        "sed s#example.net.v1#three.$NS.example.net/v1beta1# gear.yaml | kubectl create -f - && kubectl patch gears.three.$NS.example.net"
        ' g1 --type=merge -p \'{"spec":{"teeth":13}}\' && kubectl get gears.v1beta1.three.$NS.example.net g1'
        " -o jsonpath='{.apiVersion} {.spec}'",
        "kubectl delete crd gears.three.$NS.example.net",
    ),
    "dependent": _lines(
        "printf 'apiVersion: v1\\nkind: LimitRange\\nmetadata: {name: most}\\nspec: {limits: [{type: Container, default: {memory: 1Gi}}]}"
        "\\n' | kubectl create -f -",
        Line(
            'kubectl patch limitrange most --type=json -p \'[{"op":"replace","path":"/spec/limits/0/default/memory","value":"2Gi"}]\''
            " && kubectl run limited --image=busybox && kubectl get pod limited -o jsonpath='{.spec.containers[0].resources}'",
            why_other="the dry run of the pod fills in the limits that are in force",
        ),
        'kubectl patch sa robot -p \'{"imagePullSecrets":[{"name":"pull"}]}\' && kubectl run pulled --image=busybox'
        ' --overrides=\'{"spec":{"serviceAccountName":"robot"}}\' && kubectl label pod pulled a=b',
        "kubectl delete limitrange most && kubectl run unlimited --image=busybox",
        "kubectl run small --image=busybox --overrides="
        '\'{"spec":{"containers":[{"name":"small","image":"busybox","resources":{"requests":{"cpu":"10m"}}}]}}\''
        ' && kubectl patch pod small --subresource=resize -p \'{"spec":{"containers":[{"name":"small","resources":'
        '{"requests":{"cpu":"20m"}}}]}}\' && kubectl label pod small resized=yes',
        'kubectl patch node n-$NS --subresource=status -p \'{"status":{"capacity":{"example.com/gpu":"4"}}}\' && kubectl patch node n-$NS'
        ' --subresource=status --type=json -p \'[{"op":"replace","path":"/status/capacity/example.com~1gpu","value":"2"}]\'',
        'kubectl patch svc web -p \'{"spec":{"type":"LoadBalancer"}}\' && kubectl patch svc web --subresource=status --type=merge'
        ' -p \'{"status":{"loadBalancer":{"ingress":[{"ip":"10.0.0.9"}]}}}\'',
        "kubectl label cm settings a=1 && kubectl label cm settings --resource-version=1 b=1 || kubectl label cm settings c=1",
    ),
    "nodes": _lines(
        "kubectl taint node n-$NS a=b:NoSchedule",
        "kubectl taint node n-$NS a=c:NoExecute b=d:PreferNoSchedule --overwrite",
        "kubectl taint node n-$NS a- b-",
        "kubectl label node n-$NS pool=x && kubectl annotate node n-$NS y=z",
        "kubectl cordon n-$NS",
        "kubectl taint node n-$NS c=d:NoSchedule; kubectl uncordon n-$NS && kubectl taint node n-$NS c-",
        "kubectl drain n-$NS --ignore-daemonsets --force --dry-run=server",
        "kubectl drain n-$NS --ignore-daemonsets --force --pod-selector=app=one",
        "kubectl drain n-$NS --ignore-daemonsets --force --disable-eviction",
        'kubectl patch node n-$NS --subresource=status --type=merge -p \'{"status":{"capacity":{"example.com/thing":"3"}}}\'',
        "kubectl delete node n-$NS",
    ),
    "clients": _lines(
        "$PYTHON client.py",
        PROXY + "curl -sS -X PATCH -H 'Content-Type: application/merge-patch+json'"
        ' -d \'{"data":{"curl":"1"}}\' localhost:$(grep -o \'[0-9]*$\''
        " port)/api/v1/namespaces/$NS/configmaps/settings | jq -r .data.curl; kill $!",
        'kubectl create --raw /api/v1/namespaces/$NS/configmaps -f <(echo \'{"metadata":{"name":"raw"}}\') | jq -r .metadata.name',
        "kubectl replace --raw /api/v1/namespaces/$NS/configmaps/raw -f <(kubectl get cm raw -o json | jq '.data.a=\"1\"') | jq -r .data.a",
        "kubectl delete --raw /api/v1/namespaces/$NS/configmaps/raw | jq -r .status",
        "kubectl get cm -o name | xargs -P2 -I{} kubectl label {} x=y | sort",
        "for i in 1 2 3; do kubectl create cm loop-$i --from-literal=i=$i & done | sort; kubectl get cm -o name | grep -c loop",
        "kubectl get cm -o name | grep loop | while read one; do kubectl delete $one; done",
        "seq 3 | xargs -I{} kubectl annotate cm settings n{}=x",
        "for i in b a c; do kubectl create cm swept-$i; kubectl label cm swept-$i sweep=me; done; kubectl label cm swept-c sweep-;"
        ' kubectl delete --raw "/api/v1/namespaces/$NS/configmaps?labelSelector=sweep%3Dme" | jq -r .kind; kubectl get cm -o name',
        'kubectl label cm swept-c sweep=me; kubectl delete --raw "/api/v1/namespaces/$NS/configmaps?labelSelector=sweep" | jq -r .kind',
        "[ -n \"$(kubectl get cm settings -o jsonpath='{.data.colour}')\" ] && kubectl delete cm settings || kubectl create cm settings",
    ),
}
