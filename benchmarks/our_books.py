"""Workload ``counting``, our side: what ``heirloom summary NETWORK --format json`` does once it is loaded."""

import gc
import json
import resource
import sys
import time


def main() -> None:
    """Print how long it took and by how much the process grew."""
    name, given = sys.argv[1:]

    from heirloom import create_model, summary
    from heirloom.memory import garbage_waits
    from heirloom.models import claims
    from heirloom.tables import as_json

    claims(name)  # the network's file is an import, too
    model = name if given == "name" else create_model(name)
    gc.collect()  # the search for garbage that the imports have left due
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with garbage_waits():  # as the command does
        text = as_json(summary(model).as_dict())
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert json.loads(text)["totals"]["parameters"]
    print(json.dumps({"seconds": seconds, "mebibytes": (after - before) / 1024}))


if __name__ == "__main__":
    main()
