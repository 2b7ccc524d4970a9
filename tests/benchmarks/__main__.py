"""Run every benchmark of this folder (or those named) and print its figures: ``python tests/benchmarks [NAME ...]``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def main() -> None:
    here = Path(__file__).parent
    sys.path.insert(0, str(here))
    wanted = sys.argv[1:]
    for file in sorted(here.glob("bench_*.py")):
        if wanted and file.stem.removeprefix("bench_") not in wanted:
            continue
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[file.stem] = module
        spec.loader.exec_module(module)
        print(f"# {(module.__doc__ or file.stem).splitlines()[0]}")
        for figure in module.figures():
            print(figure, flush=True)


if __name__ == "__main__":
    main()
