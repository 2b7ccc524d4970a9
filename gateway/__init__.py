"""busgate: a gateway between hardware buses and a distributed key-value store."""
