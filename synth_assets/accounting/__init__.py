"""What every release has cost each source, over the whole graph and over all time.

``budget`` holds the words and the rule (what happened, what it costs, whether it still fits), ``ledger`` the
durable record, ``chain`` the file it is kept in and what proves that nobody edited it, ``forecast`` when a schedule
runs dry. Nothing here reads a clock or the environment, and diffprivlib is imported only to judge a charge.
"""

from synth_assets.accounting.budget import Budget, Event, Share, Spend
from synth_assets.accounting.chain import Problem
from synth_assets.accounting.forecast import Tick, exhausted_at
from synth_assets.accounting.ledger import Ledger
from synth_assets.accounting.records import Certificate, Charge, Publication, Release, Snapshot

__all__ = [
    "Budget",
    "Certificate",
    "Charge",
    "Event",
    "Ledger",
    "Problem",
    "Publication",
    "Release",
    "Share",
    "Snapshot",
    "Spend",
    "Tick",
    "exhausted_at",
]
