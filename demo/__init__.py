"""The project's main job on real input, told as a story: `make demo`, or `python -m pyapi.demo` once installed."""
