"""The project's main job on real input, told as a story: `python -m demo`."""
