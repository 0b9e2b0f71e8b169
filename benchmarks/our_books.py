"""Workload ``counting``, our side: what ``heirloom summary NETWORK --format json`` does once it is loaded."""

import json
import resource
import sys
import time


def main() -> None:
    """Print how long it took and by how much the process grew."""
    name, given = sys.argv[1:]

    from heirloom import create_model, summary
    from heirloom.tables import summary_table

    model = name if given == "name" else create_model(name)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    text = summary_table(summary(model)).render("json")
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert json.loads(text)["totals"]["parameters"]
    print(json.dumps({"seconds": seconds, "mebibytes": (after - before) / 1024}))


if __name__ == "__main__":
    main()
