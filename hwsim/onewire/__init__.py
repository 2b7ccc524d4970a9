"""1-Wire: devices as silicon, the wires they hang on, and the ways in which a driver reaches them."""
