"""Every published number, proved against the networks, and the most important ones written out again."""

import re

import pytest

from heirloom.accounting import summary
from heirloom.auditing import audit, verdict
from heirloom.auditing.explaining import explain
from heirloom.claim import Claim
from heirloom.errors import HeirloomError
from heirloom.models import MODELS, claims

VERDICTS = [(v, f"{v.model}-{v.claim.layer or 'total'}-{v.claim.quantity}-{v.claim.value}") for v in audit()]


@pytest.mark.parametrize("found", [v for v, _ in VERDICTS], ids=[name for _, name in VERDICTS])
def test_claim(found):
    assert found.holds, f"{found.claim.source}: {found.claim.value}; ours: {found.ours}"
    assert found.claim.source
    if found.claim.off or found.words.startswith(("contradicts", "unresolved")):
        assert found.claim.why, "a contradiction needs its reason"


def test_no_network_is_without_claims():
    assert {v.model for v, _ in VERDICTS} == set(MODELS)
    assert len(VERDICTS) == sum(len(claims(name)) for name in MODELS) > 70


# Copied from the fact sheet, which derives them by arithmetic: parameters, connections.
LENET5 = {
    "c1": (156, 122_304),
    "s2": (12, 5_880),
    "c3": (1_516, 151_600),
    "s4": (32, 2_000),
    "c5": (48_120, 48_120),
    "f6": (10_164, 10_164),
    "output": (0, 840),
}


def test_lenet5_layer_by_layer():
    books = summary("lenet5")
    rows = {row.name: (row.parameters, row.connections) for row in books.rows if row.connections}
    assert rows == LENET5
    assert books.trace["output"].fixed == 840
    assert [books.trace[name].receptive_field for name in ("c1", "s2", "c3", "s4", "c5")] == [
        (n, n) for n in (5, 6, 14, 16, 32)
    ]
    assert [books.trace[name].jump for name in ("c1", "s2", "c3", "s4", "c5")] == [
        (n, n) for n in (1, 2, 2, 4, 4)
    ]
    macs = {row.name: row.macs for row in books.rows if row.macs}
    assert macs == {"c1": 117_600, "c3": 150_000, "c5": 48_000, "f6": 10_080, "output": 840}
    assert books.units == 32 * 32 + 8_084 + 10


@pytest.mark.parametrize(
    ("name", "args", "totals"),
    [
        ("lenet5", {}, {"parameters": 60_000, "trainable": 60_000, "fixed": 840, "connections": 340_908}),
        ("lenet5", {}, {"macs": 326_520}),
        ("lenet5_gaussian", {}, {"parameters": 60_850, "fixed": 0, "connections": 340_918}),
        ("lenet5_softmax", {}, {"parameters": 61_706, "macs": 416_520}),
        ("lenet5_relu_max", {}, {"parameters": 61_706, "macs": 416_520}),
        ("lenet5_relu_avg", {}, {"parameters": 61_706, "macs": 416_520}),
        ("lenet5_softmax", {"in_chans": 3}, {"parameters": 62_006, "macs": 651_720}),
        ("lenet5_relu_max", {"in_chans": 3}, {"parameters": 62_006, "macs": 651_720}),
        ("lenet5_relu_avg", {"in_chans": 3}, {"parameters": 62_006, "macs": 651_720}),
        ("lenet_caffe", {}, {"parameters": 431_080, "macs": 2_293_000}),
        ("lenet_1989", {}, {"parameters": 9_760, "connections": 64_660}),
        ("lenet1", {}, {"parameters": 2_578, "connections": 98_442}),
    ],
)
def test_totals(name, args, totals):
    found = summary(name, **args).totals
    assert {key: found[key] for key in totals} == totals


def test_units_of_1989():
    assert summary("lenet_1989").units == 1_256


def test_lenet1_layer_by_layer():
    rows = [(r.parameters, r.connections) for r in summary("lenet1").rows if r.connections]
    assert rows == [(104, 59_904), (8, 2_880), (512, 32_768), (24, 960), (1_930, 1_930)]


BOOKS = summary("lenet5")


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (Claim("parameters", 60_001, "nobody"), "wrong"),
        (Claim("parameters", "60K", "abstract"), "matches"),
        (Claim("connections", "340.9 thousand", "abstract"), "rounds to"),
        (Claim("connections", "340.8 thousand", "abstract"), "wrong"),
        (Claim("connections", "0.34 million", "abstract"), "rounds to"),
        (Claim("macs", "326 K", "abstract"), "cut to: it rounds to 327 K"),
        (Claim("macs", "326 K", "hearsay", verified=False), "cut to (second hand): it rounds to 327 K"),
        (Claim("parameters", 60_000, "somebody", off=1), "wrong"),
        (Claim("parameters", 60_001, "somebody", off=1, why="one more"), "contradicts: one more"),
        (Claim("parameters", 60_001, "hearsay", verified=False, why="?"), "unresolved: ?"),
        (Claim("parameters", 60_000, "hearsay", verified=False), "matches (second hand)"),
        (
            Claim("parameters", 60_001, "hearsay", off=1, why="one more", verified=False),
            "contradicts (second hand): one more",
        ),
        (Claim("connections", 151_600, "paper", layer="c3"), "matches"),
        (Claim("connections", 151_601, "paper", layer="c3"), "wrong"),
        (Claim("receptive_field", 14, "arithmetic", layer="c3"), "matches"),
        (Claim("receptive_field", 13, "arithmetic", layer="c3"), "wrong"),
        (Claim("output_size", (16, 10, 10), "figure 2", layer="c3"), "matches"),
        (Claim("output_size", (16, 10, 11), "figure 2", layer="c3"), "wrong"),
        (Claim("units", 1, "nobody"), "wrong"),
    ],
)
def test_verdicts(claim, words):
    found = verdict("lenet5", claim, BOOKS)
    assert found.words == words
    assert found.holds == (words != "wrong")


def test_an_audit_of_one_network():
    assert {v.model for v in audit("lenet_caffe")} == {"lenet_caffe"}
    with pytest.raises(HeirloomError, match="did you mean 'lenet5'"):
        audit("lenet55")


def test_the_way_back_from_a_number():
    found = explain(1_516)
    assert {(e.model, e.layer, e.quantity) for e in found} >= {
        ("lenet5", "c3", "parameters"),
        ("lenet5_gaussian", "c3", "parameters"),
    }
    assert any(e.why == "60 x 5 x 5 + 16" for e in found)
    assert any("lecture deck 001, S2 to C3" in e.why for e in found)
    assert [(e.model, e.layer) for e in explain(340_908)] == [
        ("lenet5", "total"), ("lenet5", "total"), ("lecture deck 001", "line 152")
    ]  # fmt: skip
    assert explain(123_456_789) == []


def test_the_way_back_from_a_rounded_number():
    found = {(e.model, e.layer, e.quantity): e.why for e in explain("62.3M")}
    assert found["alexnet_single", "total", "parameters"] == "62,378,344 = sum of the rows"
    assert "contradicts" in found["lecture deck 000", "line 239", "parameters"]
    assert ("alexnet", "total", "parameters") not in found
    assert any(e.why.startswith("60 million, printed in Krizhevsky") for e in explain("60,965,224"))
    assert ("alexnet", "fc6", "macs") in {(e.model, e.layer, e.quantity) for e in explain(37_748_736)}
    assert all(e.why.startswith("1e9") or "1,000,000,000" in e.why for e in explain("1e9"))
    with pytest.raises(HeirloomError, match="'seven' is no number"):
        explain("seven")


def test_the_way_back_from_what_a_lecture_prints():
    assert [(e.model, e.layer) for e in explain("7/3")] == [("lecture deck 003", "line 19")]
    windows = explain("11x11")
    assert ("lecture deck 003", "line 43", "window of conv1") in {
        (e.model, e.layer, e.quantity) for e in windows
    }
    assert all(re.match("11 ?[xX] ?11:", e.why) for e in windows)
    assert explain("11x12") == []
