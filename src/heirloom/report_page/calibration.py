"""What a report says of how far a network's probabilities can be believed."""

from collections.abc import Mapping
from typing import Any

from heirloom.documents import Html, details, element, joined, scrolling, table
from heirloom.figures.reliability import reliability_on_page
from heirloom.measures import wilson
from heirloom.report_page.parts import share


def calibration_part(found: Mapping[str, Any]) -> Html:
    """Three numbers, the diagram and its table, from ``calibration`` in the JSON file of an evaluation."""
    bins = found["reliability"]
    filled = [each for each in bins if each["n"]]
    mean = sum(each["n"] * each["probability"] for each in filled) / sum(each["n"] for each in filled)
    right = sum(each["n"] * each["accuracy"] for each in filled) / sum(each["n"] for each in filled)
    surer = "surer than it is right" if mean > right else "less sure than it is right"
    numbers = [
        ("Expected calibration error", f"{100 * found['ece']:.2f} points"),
        ("Brier score", f"{found['brier']:.4g}"),
        ("Negative log-likelihood", f"{found['nll']:.4g}"),
    ]
    words = (
        f"Its answers have a mean probability of {100 * mean:.1f} %, and {100 * right:.1f} % of them are "
        f"right: on the whole it is {surer}. Dots: its answers in {len(bins)} steps of probability, with the "
        "95 % interval; on the dashed line a network is right as often as it says."
    )
    rows = []
    for each in filled:
        low, high = wilson(round(each["accuracy"] * each["n"]), each["n"])
        span = f"{100 * each['low']:.1f} to {100 * each['high']:.1f} %"
        interval = f"{100 * low:.1f} to {100 * high:.1f}"
        rows.append([span, f"{each['n']:,}", share(each["probability"]), share(each["accuracy"]), interval])
    heads = ["probability", "answers", "mean probability", "right", "95 % interval"]
    listed = table(heads, rows, numeric=range(1, 5))
    facts = [element("div", element("dt", term), element("dd", value)) for term, value in numbers]
    note = (
        "The expected calibration error is the mean distance of the dots from the line, by their images "
        "(Guo et al. 2017). Brier score and log-likelihood judge all the probabilities. Of all three, "
        "less is better."
    )
    return joined(
        element("p", words, class_="soft small"),
        element("div", element("figure", Html(reliability_on_page(bins))), class_="charts"),
        element("dl", *facts, class_="facts"),
        element("p", note, class_="soft small"),
        details("The numbers", scrolling("Reliability", listed)),
    )
