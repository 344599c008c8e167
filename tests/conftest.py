"""Settings of the whole suite."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("steady", deadline=None)  # machines are shared: an example that is slow has not failed
settings.load_profile("steady")
