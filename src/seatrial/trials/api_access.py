"""Of what use the API is from the application's own pods (M5-SEC-01): rights on paper are judged in privileges.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from seatrial.cluster.provider import CRICTL
from seatrial.errors import SeatrialError
from seatrial.tools.kube import Kube
from seatrial.trials.privileges import CONTROL, NODE_SECONDS, parse_inside, processes, running_pods
from seatrial.trials.probe_pod import UNKNOWN
from seatrial.verdict import Evidence, Fault, Verdict, judge
from seatrial.world import World

LISTER = "namespace-controller"
"""ServiceAccount of CONTROL that may list whatever lies in a namespace (bootstrappolicy/controller_policy.go)."""
LISTER_SECONDS = 600  # the shortest that the API gives
LIST = "list secrets"
WITHOUT, WITH = "without a token", "with its own token"
USABLE, REFUSED, NO_WAY = "usable", "refused", "no way"

_ASK = """
url=$1 resolve=$2
ask() {
  said=$(nsenter -t "$2" -n curl -sk -o /dev/null -w '%{http_code}/%{time_connect}' \\
    --connect-timeout 2 --max-time 8 --resolve "$resolve" -H @- "$url")
  echo "$1 $3: $said/$?"
}
process() {
  CRICTL inspect --output=go-template --template='{{.info.pid}}' "$1"
}
for id in $4; do
  pid=$(process "$id") && echo "Authorization: Bearer $3" | ask "$id" "$pid" control &
done
for id in $5; do
  pid=$(process "$id") && [ -e "/proc/$pid/root/" ] || continue
  echo "Accept: application/json" | ask "$id" "$pid" without &
  token=
  while read -r _ where kind _; do
    case $where in
      */secrets/kubernetes.io/serviceaccount/token) token=/proc/$pid/root$where ;;
      *) [ "$kind" = tmpfs ] && [ -f "/proc/$pid/root$where/token" ] && token=/proc/$pid/root$where/token ;;
    esac
  done <"/proc/$pid/mounts"
  [ -n "$token" ] && echo "Authorization: Bearer $(cat "$token")" | ask "$id" "$pid" with &
done
wait
""".replace("CRICTL", " ".join(CRICTL))
"""For each container: what the API answers to a request from its network, without a token and with one that is mounted there, by
default or as a volume of its own with a file ``token``. The request comes from a program of the node's: that the image holds none
of the kind is no protection."""


def observe_requests(world: World) -> dict[str, Any]:
    """List the namespace's Secrets at the API from the network of every container, as a program in it could.

    Returns:
        ``asked`` (``pod``, ``container``, ``account``, ``how``: WITHOUT or WITH a token, ``outcome``, ``words``), ``controls``
        (the same, from containers of CONTROL with a token that may), ``error``, ``allowed`` (ServiceAccounts that seatrial.yaml
        lets list Secrets).
    """
    kube, namespace = world.kube, world.app.namespace
    allowed = [name for name, rights in world.app.security.rights.items() if LIST in rights]
    found: dict[str, Any] = {"asked": [], "controls": [], "error": "", "allowed": allowed}
    try:
        api = (kube.read("Service", "kubernetes", "default") or {})["spec"]
        token = _token(kube)
        world.journal.redactor.hide(token, source=f"a token of {LISTER}")
        port = api["ports"][0]["port"]
        url = f"https://kubernetes.default.svc:{port}/api/v1/namespaces/{namespace}/secrets"
        resolve = f"kubernetes.default.svc:{port}:{api['clusterIP']}"
        for last in (False, True):  # a pod may go while it is asked from it
            pods = running_pods(kube, namespace)
            accounts = {pod["metadata"]["name"]: str(pod["spec"].get("serviceAccountName") or "default") for pod in pods}
            mine = [entry for pod in pods for entry in processes(pod)]
            controls = [
                entry for pod in running_pods(kube, CONTROL) if not pod["spec"].get("hostNetwork") for entry in processes(pod)
            ]
            identities = [" ".join(entry["id"] for entry in entries if not entry["error"]) for entries in (controls, mine)]
            done = world.cluster.node_exec(["/bin/sh", "-c", _ASK, "ask", url, resolve, token, *identities], NODE_SECONDS)
            told = parse_inside(done.stdout)
            found["controls"] = [_request(entry, told, "control", "", WITH) for entry in controls]
            found["asked"] = [_request(entry, told, "without", accounts[entry["pod"]], WITHOUT) for entry in mine]
            found["asked"] += [
                _request(entry, told, "with", accounts[entry["pod"]], WITH)
                for entry in mine
                if "with" in told.get(entry["id"], {})
            ]
            if last or not any(request["outcome"] == UNKNOWN for request in found["asked"]):
                break
    except (SeatrialError, KeyError) as error:
        found["error"] = str(error)
    return found


def _token(kube: Kube) -> str:
    """A token of LISTER for some minutes."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": LISTER_SECONDS}}
    return str(kube.request("POST", f"{kube.path('ServiceAccount', CONTROL, LISTER)}/token", body=body)["status"]["token"])


def _request(
    entry: Mapping[str, Any], told: Mapping[str, Mapping[str, str]], field: str, account: str, how: str
) -> dict[str, Any]:
    outcome, words = answer(told.get(entry["id"], {}).get(field, ""))
    words = entry["error"] or words
    return {
        **{key: entry[key] for key in ("pod", "container")},
        "account": account,
        "how": how,
        "outcome": outcome,
        "words": words,
    }


def answer(said: str) -> tuple[str, str]:
    """What a request came to, of ``HTTP status/seconds until it was connected/curl's exit code``: outcome and words."""
    status, _, rest = said.partition("/")
    connected, _, code = rest.partition("/")
    if code == "0" and status == "200":
        return USABLE, "HTTP 200"
    if code == "0" and status in ("401", "403"):
        return REFUSED, f"HTTP {status}"
    if code in ("7", "28") and not float(connected or 0):
        return NO_WAY, "no connection" if code == "7" else "no answer"
    return UNKNOWN, f"HTTP {status}, curl ended with {code}" if said else "the node tells nothing of it"


def judge_requests(seen: Mapping[str, Any]) -> Verdict:
    """M5-SEC-01: from no pod can the namespace's Secrets be listed at the API, neither with its token nor without."""
    faults, unknown = [], []
    for request in seen["asked"]:
        subject = f"Pod {request['pod']} / container {request['container']}, {request['how']}"
        if request["outcome"] == USABLE and not (request["how"] == WITH and request["account"] in seen["allowed"]):
            mend = "Mount no token, take the right away, and let no policy open the way to the API"
            faults.append(Fault(subject, "the API lists the namespace's Secrets", "401, 403 or no way there", mend))
        elif request["outcome"] == UNKNOWN:
            unknown.append(f"{subject}: {request['words']}")
    controls = Counter(request["words"] for request in seen["controls"])
    if not any(request["outcome"] == USABLE for request in seen["controls"]):
        why = seen["error"] or ", ".join(sorted(controls)) or f"{CONTROL} has no pod with a network of its own"
        unknown.append(f"the same request with a token that may list was not answered from {CONTROL} either: {why}")
    counted = Counter((request["how"], request["words"]) for request in seen["asked"])
    told = [Evidence(f"{count} requests {how}: {words}") for (how, words), count in sorted(counted.items())]
    told += [Evidence(f"{count} with a token of {LISTER}, from {CONTROL}: {words}") for words, count in sorted(controls.items())]
    return judge(len(seen["asked"]), "requests", faults, unknown=unknown, evidence=told)
