"""Workload ``counting``, the peer: torchinfo's summary of the same network."""

import gc
import json
import resource
import sys
import time


def main() -> None:
    """Print how long it took and by how much the process grew."""
    name, given = sys.argv[1:]

    import torchinfo

    from heirloom import create_model
    from heirloom.models import claims

    claims(name)  # the network's file is an import, too
    model = None if given == "name" else create_model(name)
    gc.collect()  # the search for garbage that the imports have left due
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    model = model or create_model(name)
    size: tuple[int, ...] = model.input_size  # type: ignore[assignment]
    text = str(torchinfo.summary(model, (1, *size), verbose=0))
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "Total params" in text
    print(json.dumps({"seconds": seconds, "mebibytes": (after - before) / 1024}))


if __name__ == "__main__":
    main()
