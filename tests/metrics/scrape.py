"""Asks for metrics as Prometheus does."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scrape:
    """What one scrape brought."""

    def __init__(self, port: int | None) -> None:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30)
        assert answer.status_code == 200, answer.text
        self.families = {family.name: family for family in text_string_to_metric_families(answer.text)}
        self._samples: Samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """A sample's value; None where it is not there. The name is without its broadcast_manager_."""
        return self._samples.get((f"broadcast_manager_{name}", frozenset(labels.items())))

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of each sample of a name."""
        return [dict(labels) for found, labels in self._samples if found == f"broadcast_manager_{name}"]
