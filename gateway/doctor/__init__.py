"""What ``busgate doctor`` looks at: a file for each kind of check, each of which gives findings."""

from gateway.doctor.finding import Finding, Level

__all__ = ["Finding", "Level"]
