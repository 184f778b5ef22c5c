"""What tests, benchmarks and the demo share; no part of the product."""
