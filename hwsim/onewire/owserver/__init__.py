"""The owserver protocol: one of the ways in which a driver reaches 1-Wire devices."""
