"""What authors of plugins and stores test with: conformance suites, clocks, fixtures."""
