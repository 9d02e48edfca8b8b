"""The evaluator against published policies whose effect is documented, and by properties that hold for all policies.

The examples are those of the Kubernetes documentation ("Network Policies": default policies, the policy test-network-policy, port
ranges, several namespaces, the two readings of a selector pair) and the recipes of ahmetb/kubernetes-network-policy-recipes (by
their numbers), written down here by what they are said to do.
"""

import ipaddress
import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.chart.policies import Decision, Endpoint, decide, pod_endpoint

Spec = dict[str, Any]
NAMESPACES = {
    "default": {},
    "other": {"team": "operations"},
    "prod": {"purpose": "production"},
    "myproject": {"project": "myproject"},
    "frontend": {"namespace": "frontend"},
    "backend": {"namespace": "backend"},
}
OUTSIDE = Endpoint("internet", ("203.0.113.7",))


def pod(name: str, namespace: str = "default", address: str = "10.244.0.9", **labels: str) -> Endpoint:
    return Endpoint(name, (address,), namespace, labels, {("http", "TCP"): 8000, ("dns", "UDP"): 53})


def policy(name: str, spec: Spec, namespace: str = "default") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def passes(policies: list[dict[str, Any]], source: Endpoint, target: Endpoint, port: int = 80, protocol: str = "TCP") -> Decision:
    return decide(policies, NAMESPACES, source, target, port, protocol)


WEB, CLIENT, API = pod("web", app="web"), pod("client", app="client"), pod("api", app="bookstore", role="api")
FOREIGN, PROD = pod("foreign", "other"), pod("prod", "prod")
MONITORING = pod("monitoring", "other", type="monitoring")
IN = {"app": "web"}

DENY_IN = policy("default-deny-ingress", {"podSelector": {}, "policyTypes": ["Ingress"]})
DENY_OUT = policy("default-deny-egress", {"podSelector": {}, "policyTypes": ["Egress"]})
DENY_ALL = policy("default-deny-all", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
ALLOW_IN = policy("allow-all-ingress", {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]})
ALLOW_OUT = policy("allow-all-egress", {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]})
TEST = policy(
    "test-network-policy",
    {
        "podSelector": {"matchLabels": {"role": "db"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [
                    {"ipBlock": {"cidr": "172.17.0.0/16", "except": ["172.17.1.0/24"]}},
                    {"namespaceSelector": {"matchLabels": {"project": "myproject"}}},
                    {"podSelector": {"matchLabels": {"role": "frontend"}}},
                ],
                "ports": [{"protocol": "TCP", "port": 6379}],
            }
        ],
        "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": [{"protocol": "TCP", "port": 5978}]}],
    },
)
DB, FRONT = pod("db", role="db"), pod("front", role="frontend")
RANGE = policy(
    "multi-port-egress",
    {
        "podSelector": {"matchLabels": {"role": "db"}},
        "policyTypes": ["Egress"],
        "egress": [
            {"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": [{"protocol": "TCP", "port": 32000, "endPort": 32768}]}
        ],
    },
)
SEVERAL = policy(
    "egress-namespaces",
    {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [
                    {
                        "namespaceSelector": {
                            "matchExpressions": [{"key": "namespace", "operator": "In", "values": ["frontend", "backend"]}]
                        }
                    }
                ]
            }
        ],
    },
)
NAMESPACE, PODS = {"matchLabels": {"team": "operations"}}, {"matchLabels": {"type": "monitoring"}}
BOTH = policy(
    "both", {"podSelector": {"matchLabels": IN}, "ingress": [{"from": [{"namespaceSelector": NAMESPACE, "podSelector": PODS}]}]}
)
EITHER = policy(
    "either",
    {"podSelector": {"matchLabels": IN}, "ingress": [{"from": [{"namespaceSelector": NAMESPACE}, {"podSelector": PODS}]}]},
)
NEAR_MONITORING = pod("near", type="monitoring")


def ingress(*rules: Spec, labels: Mapping[str, str] = IN) -> dict[str, Any]:
    return policy("recipe", {"podSelector": {"matchLabels": dict(labels)}, "ingress": list(rules)})


RECIPE_1 = ingress()
RECIPE_2 = ingress({"from": [{"podSelector": {"matchLabels": {"app": "bookstore"}}}]}, labels={"app": "bookstore", "role": "api"})
RECIPE_2A = ingress({})
RECIPE_4 = policy("recipe", {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]})
RECIPE_5 = ingress({"from": [{"namespaceSelector": {}}]})
RECIPE_6 = ingress({"from": [{"namespaceSelector": {"matchLabels": {"purpose": "production"}}}]})
RECIPE_9 = ingress({"from": [{"podSelector": {"matchLabels": {"role": "monitoring"}}}], "ports": [{"port": 5000}]})
RECIPE_10 = ingress(
    *({"from": [{"podSelector": {"matchLabels": {"app": "bookstore", "role": role}}}]} for role in ("search", "api"))
)
RECIPE_11 = policy(
    "recipe",
    {
        "podSelector": {"matchLabels": {"app": "client"}},
        "policyTypes": ["Egress"],
        "egress": [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}],
    },
)
RECIPE_14 = policy(
    "recipe",
    {
        "podSelector": {"matchLabels": {"app": "client"}},
        "policyTypes": ["Egress"],
        "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}, {"to": [{"namespaceSelector": {}}]}],
    },
)


@pytest.mark.parametrize(
    ("policies", "source", "target", "port", "protocol", "allowed"),
    [
        # the documentation's default policies
        ([], FOREIGN, WEB, 80, "TCP", True),
        ([DENY_IN], CLIENT, WEB, 80, "TCP", False),
        ([DENY_IN], CLIENT, PROD, 80, "TCP", True),
        ([DENY_OUT], CLIENT, PROD, 80, "TCP", False),
        ([DENY_OUT], PROD, CLIENT, 80, "TCP", True),
        ([DENY_ALL], CLIENT, WEB, 80, "TCP", False),
        ([DENY_ALL], CLIENT, WEB, 53, "UDP", False),
        ([DENY_ALL], OUTSIDE, WEB, 80, "TCP", False),
        ([DENY_ALL, ALLOW_IN], FOREIGN, WEB, 80, "TCP", True),
        ([DENY_ALL, ALLOW_IN], CLIENT, WEB, 80, "TCP", False),
        ([DENY_ALL, ALLOW_IN, ALLOW_OUT], CLIENT, WEB, 80, "TCP", True),
        # test-network-policy
        ([TEST], FRONT, DB, 6379, "TCP", True),
        ([TEST], FRONT, DB, 6380, "TCP", False),
        ([TEST], FRONT, DB, 6379, "UDP", False),
        ([TEST], CLIENT, DB, 6379, "TCP", False),
        ([TEST], pod("any", "myproject"), DB, 6379, "TCP", True),
        ([TEST], pod("front", "other", role="frontend"), DB, 6379, "TCP", False),
        ([TEST], Endpoint("near", ("172.17.0.9",)), DB, 6379, "TCP", True),
        ([TEST], Endpoint("edge", ("172.17.2.255",)), DB, 6379, "TCP", True),
        ([TEST], Endpoint("excepted", ("172.17.1.7",)), DB, 6379, "TCP", False),
        ([TEST], DB, Endpoint("service", ("10.0.0.4",)), 5978, "TCP", True),
        ([TEST], DB, Endpoint("service", ("10.0.1.4",)), 5978, "TCP", False),
        ([TEST], DB, Endpoint("service", ("10.0.0.4",)), 5979, "TCP", False),
        ([TEST], CLIENT, WEB, 1, "TCP", True),
        # a range of ports, several namespaces, "and" and "or" of two selectors
        ([RANGE], DB, Endpoint("service", ("10.0.0.4",)), 32000, "TCP", True),
        ([RANGE], DB, Endpoint("service", ("10.0.0.4",)), 32768, "TCP", True),
        ([RANGE], DB, Endpoint("service", ("10.0.0.4",)), 32769, "TCP", False),
        ([SEVERAL], WEB, pod("x", "frontend"), 80, "TCP", True),
        ([SEVERAL], WEB, pod("x", "backend"), 80, "TCP", True),
        ([SEVERAL], WEB, CLIENT, 80, "TCP", False),
        ([BOTH], MONITORING, WEB, 80, "TCP", True),
        ([BOTH], FOREIGN, WEB, 80, "TCP", False),
        ([BOTH], NEAR_MONITORING, WEB, 80, "TCP", False),
        ([EITHER], MONITORING, WEB, 80, "TCP", True),
        ([EITHER], FOREIGN, WEB, 80, "TCP", True),
        ([EITHER], NEAR_MONITORING, WEB, 80, "TCP", True),
        ([EITHER], CLIENT, WEB, 80, "TCP", False),
        # the recipes
        ([RECIPE_1], CLIENT, WEB, 80, "TCP", False),
        ([RECIPE_1], CLIENT, API, 80, "TCP", True),
        ([RECIPE_2], pod("shop", app="bookstore", role="shop"), API, 80, "TCP", True),
        ([RECIPE_2], CLIENT, API, 80, "TCP", False),
        ([RECIPE_1, RECIPE_2A], FOREIGN, WEB, 80, "TCP", True),
        ([RECIPE_4], CLIENT, WEB, 80, "TCP", True),
        ([RECIPE_4], FOREIGN, WEB, 80, "TCP", False),
        ([RECIPE_5], FOREIGN, WEB, 80, "TCP", True),
        ([RECIPE_5], OUTSIDE, WEB, 80, "TCP", False),
        ([RECIPE_6], PROD, WEB, 80, "TCP", True),
        ([RECIPE_6], FOREIGN, WEB, 80, "TCP", False),
        ([RECIPE_2A], OUTSIDE, WEB, 80, "TCP", True),
        ([RECIPE_9], pod("m", role="monitoring"), WEB, 5000, "TCP", True),
        ([RECIPE_9], pod("m", role="monitoring"), WEB, 8000, "TCP", False),
        ([RECIPE_10], API, WEB, 80, "TCP", True),
        ([RECIPE_10], pod("s", app="bookstore", role="search"), WEB, 80, "TCP", True),
        ([RECIPE_10], pod("i", app="inventory", role="web"), WEB, 80, "TCP", False),
        ([RECIPE_11], CLIENT, WEB, 53, "UDP", True),
        ([RECIPE_11], CLIENT, WEB, 53, "TCP", True),
        ([RECIPE_11], CLIENT, WEB, 80, "TCP", False),
        ([RECIPE_14], CLIENT, PROD, 80, "TCP", True),
        ([RECIPE_14], CLIENT, OUTSIDE, 80, "TCP", False),
        ([RECIPE_14], CLIENT, OUTSIDE, 53, "UDP", True),
    ],
)
def test_published_examples_do_what_they_are_said_to_do(
    policies: list[dict[str, Any]], source: Endpoint, target: Endpoint, port: int, protocol: str, allowed: bool
):
    assert passes(policies, source, target, port, protocol).allowed is allowed


def test_a_named_port_is_the_receivers_in_both_directions():
    named = [{"port": "http", "protocol": "TCP"}]
    inward = policy("in", {"podSelector": {}, "ingress": [{"ports": named}]})
    outward = policy("out", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": named}]})
    for one in (inward, outward):
        assert passes([one], CLIENT, WEB, 8000).allowed
        assert not passes([one], CLIENT, WEB, 80).allowed
    assert not passes([outward], CLIENT, OUTSIDE, 8000).allowed, "what is no pod has no named ports"


def test_a_namespace_bears_its_own_name():
    by_name = policy(
        "by-name",
        {
            "podSelector": {},
            "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "prod"}}}]}],
        },
    )
    assert passes([by_name], PROD, WEB).allowed
    assert not passes([by_name], FOREIGN, WEB).allowed


def test_a_pod_on_the_nodes_network_is_an_address_to_policies():
    raw = {
        "metadata": {"name": "agent", "namespace": "default", "labels": {"app": "web"}},
        "spec": {"hostNetwork": True, "containers": []},
        "status": {"podIP": "172.17.1.2", "podIPs": [{"ip": "172.17.1.2"}]},
    }
    agent = pod_endpoint(raw)
    assert (agent.namespace, agent.addresses) == ("", ("172.17.1.2",))
    assert passes([DENY_IN], CLIENT, agent).allowed, "no policy can select it"
    assert not passes([RECIPE_4], agent, WEB).allowed, "and none admits it by its labels"


def test_a_pod_is_read_with_its_named_ports():
    raw = {
        "metadata": {"name": "api-1", "namespace": "shop", "labels": {"app": "api"}},
        "spec": {"containers": [{"ports": [{"name": "web", "containerPort": 8001}, {"containerPort": 9}]}]},
        "status": {"podIP": "10.1.2.3"},
    }
    assert pod_endpoint(raw, "api") == Endpoint("api", ("10.1.2.3",), "shop", {"app": "api"}, {("web", "TCP"): 8001})


def test_a_decision_names_the_policies():
    assert str(passes([DENY_IN, ALLOW_OUT], CLIENT, WEB)) == "ingress admitted by none of default-deny-ingress"
    assert str(passes([DENY_ALL, ALLOW_IN, ALLOW_OUT], CLIENT, WEB)) == (
        "egress admitted by allow-all-egress; ingress admitted by allow-all-ingress"
    )
    assert str(passes([], CLIENT, WEB)) == "no policy of egress selects it; no policy of ingress selects it"


# properties


LABELS = st.dictionaries(st.sampled_from(["app", "role"]), st.sampled_from(["a", "b"]), max_size=2)
SELECTORS = st.one_of(
    LABELS.map(lambda labels: {"matchLabels": labels}),
    st.builds(
        lambda key, operator, values: {"matchExpressions": [{"key": key, "operator": operator, "values": values}]},
        st.sampled_from(["app", "role"]),
        st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
        st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2),
    ),
)
NESTED = ["10.0.0.0/24", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.0/28", "10.1.0.0/20"]
NESTED_6 = ["fd00:1::/32", "fd00:1:1::/48", "fd00:1:1::/64", "fd00::/16"]
BLOCKS = st.one_of(
    st.builds(
        lambda cidr, excepted: {"ipBlock": {"cidr": cidr, "except": excepted}},
        st.sampled_from(whole),
        st.lists(st.sampled_from(parts), max_size=3),
    )
    for whole, parts in ((["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16"], NESTED), (["::/0", "fd00::/8", "fd00:1::/32"], NESTED_6))
)
PEERS = st.one_of(
    SELECTORS.map(lambda chosen: {"podSelector": chosen}),
    SELECTORS.map(lambda chosen: {"namespaceSelector": chosen}),
    st.builds(lambda far, near: {"namespaceSelector": far, "podSelector": near}, SELECTORS, SELECTORS),
    BLOCKS,
)
PORTS = st.one_of(
    st.just({}),
    st.builds(
        lambda port, protocol: {"port": port, "protocol": protocol},
        st.sampled_from([80, 443, "http"]),
        st.sampled_from(["TCP", "UDP"]),
    ),
    st.just({"port": 80, "endPort": 443}),
)


def _rules(field: str) -> st.SearchStrategy[list[Spec]]:
    rule = st.fixed_dictionaries({}, optional={field: st.lists(PEERS, max_size=2), "ports": st.lists(PORTS, max_size=2)})
    return st.lists(rule, max_size=2)


POLICIES = st.builds(
    lambda name, namespace, chosen, types, inward, outward: policy(
        name, {"podSelector": chosen, "policyTypes": types, "ingress": inward, "egress": outward}, namespace
    ),
    st.sampled_from("pqr"),
    st.sampled_from(["one", "two"]),
    SELECTORS,
    st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    _rules("from"),
    _rules("to"),
)
ENDPOINTS = st.one_of(
    st.builds(
        lambda namespace, addresses, labels: Endpoint("pod", addresses, namespace, labels, {("http", "TCP"): 80}),
        st.sampled_from(["one", "two"]),
        st.sampled_from(
            [("10.0.0.1",), ("10.1.1.1",), ("10.1.2.1",), ("fd00:1:1::1",), ("10.1.1.17", "fd00:1::1"), ("fd00::1", "10.1.1.1")]
        ),
        LABELS,
    ),
    st.sampled_from(["10.0.0.5", "192.0.2.1", "2001:db8::1", "fd00:1:1::9"]).map(lambda address: Endpoint("outside", (address,))),
)
SPACES = {"one": {"app": "a"}, "two": {"role": "b"}}
DOORS = list(itertools.product([80, 443, 8080], ["TCP", "UDP"]))


def _allowed(policies: list[dict[str, Any]], source: Endpoint, target: Endpoint) -> list[bool]:
    return [decide(policies, SPACES, source, target, port, protocol).allowed for port, protocol in DOORS]


@settings(max_examples=150, deadline=None)
@given(st.lists(POLICIES, max_size=4), ENDPOINTS, ENDPOINTS, st.randoms(use_true_random=False))
def test_the_order_of_policies_rules_and_peers_changes_nothing(
    policies: list[dict[str, Any]], source: Endpoint, target: Endpoint, chance: random.Random
):
    def shaken(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shaken(each) for key, each in value.items()}
        if isinstance(value, list):
            parts = [shaken(each) for each in value]
            chance.shuffle(parts)
            return parts
        return value

    assert _allowed(shaken(policies), source, target) == _allowed(policies, source, target)


@settings(max_examples=150, deadline=None)
@given(st.lists(POLICIES, min_size=1, max_size=3), POLICIES, ENDPOINTS, ENDPOINTS)
def test_what_is_added_to_pods_that_are_restricted_already_only_opens(
    policies: list[dict[str, Any]], more: dict[str, Any], source: Endpoint, target: Endpoint
):
    """Policies add up: only the first one of a direction takes something away."""
    closed = [
        policy(f"closed-{namespace}", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, namespace)
        for namespace in SPACES
    ]
    before, after = _allowed([*closed, *policies], source, target), _allowed([*closed, *policies, more], source, target)
    assert all(now or not then for then, now in zip(before, after, strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(POLICIES, max_size=4), ENDPOINTS, ENDPOINTS)
def test_a_policy_that_allows_everything_opens_a_namespace(policies: list[dict[str, Any]], source: Endpoint, target: Endpoint):
    lifted = [
        policy("all", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}, namespace)
        for namespace in SPACES
    ]
    assert all(_allowed([*policies, *lifted], source, target))


# blocks of addresses

FAMILIES = {4: (32, ipaddress.IPv4Address), 6: (128, ipaddress.IPv6Address)}


@dataclass(frozen=True)
class Block:
    """A range of addresses as two integers, without the library that the evaluator asks."""

    version: int
    base: int
    prefix: int

    @property
    def bounds(self) -> tuple[int, int]:
        size = 1 << (FAMILIES[self.version][0] - self.prefix)
        return self.base // size * size, self.base // size * size + size - 1

    def holds(self, number: int) -> bool:
        return self.bounds[0] <= number <= self.bounds[1]

    def __str__(self) -> str:
        return f"{FAMILIES[self.version][1](self.base)}/{self.prefix}"


@st.composite
def _blocks(draw: st.DrawFn, version: int) -> tuple[Block, list[Block], list[int]]:
    """A block, exceptions inside of it that nest and overlap, and addresses at the edges of all of them."""
    bits = FAMILIES[version][0]
    whole = Block(version, draw(st.integers(0, 2**bits - 1)), draw(st.integers(0, bits)))
    low, high = whole.bounds
    parts: list[Block] = []
    for _ in range(draw(st.integers(0, 4))):
        within = draw(st.sampled_from([whole, *parts]))
        base = draw(st.sampled_from([*within.bounds, draw(st.integers(*within.bounds))]))
        parts.append(Block(version, base, draw(st.integers(max(whole.prefix, within.prefix - 1), bits))))
    edges = {edge + step for block in (whole, *parts) for edge in block.bounds for step in (-1, 0, 1)}
    numbers = edges | {draw(st.integers(low, high))}
    return whole, parts, sorted(number for number in numbers if 0 <= number < 2**bits)


def _admitted(whole: str, parts: list[str], address: str) -> bool:
    """Whether a pod that may be reached from a block alone is reached from an address; and whether it may reach it by such a rule."""
    block = {"ipBlock": {"cidr": whole, **({"except": parts} if parts else {})}}
    inward = policy("in", {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [block]}]})
    outward = policy("out", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [block]}]})
    near = pod("web", address="10.244.0.9" if ":" not in address else "fd00:244::9")
    far = Endpoint("far", (address,))
    into, out_of = passes([inward], far, near).allowed, passes([outward], near, far).allowed
    assert into is out_of
    return into


@pytest.mark.parametrize("version", [4, 6])
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_block_means_what_lies_in_it_and_in_none_of_its_exceptions(version: int, data: st.DataObject):
    whole, parts, numbers = data.draw(_blocks(version))
    texts = [str(part) for part in parts]
    for number in numbers:
        address = str(FAMILIES[version][1](number))
        expected = whole.holds(number) and not any(part.holds(number) for part in parts)
        assert _admitted(str(whole), texts, address) is expected
        assert _admitted(str(whole), [*reversed(texts), *texts], address) is expected, "neither order nor repetition counts"


@pytest.mark.parametrize("version", [4, 6])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_an_exception_only_closes_and_one_within_another_changes_nothing(version: int, data: st.DataObject):
    whole, parts, numbers = data.draw(_blocks(version))
    bits = FAMILIES[version][0]
    texts = [str(part) for part in parts]
    for number in numbers:
        address = str(FAMILIES[version][1](number))
        found = _admitted(str(whole), texts, address)
        for index, part in enumerate(parts):
            assert _admitted(str(whole), texts[:index] + texts[index + 1 :], address) or not found
            inner = Block(version, part.bounds[1], min(bits, part.prefix + 1))
            assert _admitted(str(whole), [*texts, str(inner)], address) is found
            halves = [str(inner), str(Block(version, part.bounds[0], min(bits, part.prefix + 1)))]
            assert _admitted(str(whole), texts[:index] + halves + texts[index + 1 :], address) is found


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**128 - 1), st.integers(0, 128), st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_a_block_of_one_family_says_nothing_of_the_other(six: int, long: int, four: int, short: int):
    block_6, block_4 = Block(6, six, long), Block(4, four, short)
    assert not _admitted(str(block_6), [], str(ipaddress.IPv4Address(four)))
    assert not _admitted(str(block_4), [], str(ipaddress.IPv6Address(six)))
    assert _admitted(str(block_6), [], str(ipaddress.IPv6Address(six)))
    assert _admitted(str(block_6).upper(), [], ipaddress.IPv6Address(six).exploded), "however it is spelled"


def test_a_connection_is_of_one_family():
    """Egress admitted by the one and ingress by the other: no connection has both."""
    near, far = pod("near"), Endpoint("far", ("10.9.0.1", "fd00:9::1"))
    near = replace(near, addresses=("10.244.0.9", "fd00:244::9"), namespace="default")
    both = replace(far, namespace="other", labels={})
    out_by_4 = policy(
        "out", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}]}
    )
    rule = {"from": [{"ipBlock": {"cidr": "fd00:244::/64"}}]}
    in_by_6 = policy("in", {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]}, "other")
    assert passes([out_by_4], near, both).allowed and passes([in_by_6], near, both).allowed
    assert not passes([out_by_4, in_by_6], near, both).allowed
    rule["from"].append({"ipBlock": {"cidr": "10.244.0.0/16"}})
    assert passes([out_by_4, in_by_6], near, both).allowed
