"""The distributed store: several machines, by NATS servers with JetStream."""

from gateway.store.nats.store import NatsStore

__all__ = ["NatsStore"]
