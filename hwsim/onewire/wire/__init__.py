"""The wire itself: slaves as bit machines, and the DS2480B adapter through which a host drives them."""
