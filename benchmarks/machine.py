"""The machine and the versions that a figure belongs to."""

import os
import platform
from datetime import date
from importlib.metadata import version
from typing import Any


def facts() -> dict[str, Any]:
    """What stands above every table."""
    import torch

    import heirloom
    from heirloom.images import DECODERS
    from heirloom.runs import processor

    return {
        "date": date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "heirloom": heirloom.__version__,
        **{name: version(name) for name in ("torch", "numpy")},
        **DECODERS,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
    }
