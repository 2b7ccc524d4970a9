"""Bus hardware of this node."""
