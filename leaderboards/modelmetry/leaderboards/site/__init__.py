"""The leaderboards as a static site: pages, charts, history, downloads; no server and no network."""

from modelmetry.leaderboards.site.build import Built, build
from modelmetry.leaderboards.site.certificates import Given, read_given

__all__ = ["Built", "Given", "build", "read_given"]
