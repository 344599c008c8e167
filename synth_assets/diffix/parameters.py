"""The parameters of the method with the defaults that its authors publish; tests set the noise to zero with them."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Suppression(_Frozen):
    """When a set of units is too small to be shown.

    Fewer than ``low_threshold`` units are always suppressed; more are, if they are fewer than a normal draw with mean
    ``low_threshold + low_mean_gap * layer_sd`` and standard deviation ``layer_sd``, which sticks to the set.
    """

    low_threshold: int = Field(default=3, ge=2)
    layer_sd: float = Field(default=1.0, ge=0)
    low_mean_gap: float = Field(default=2.0, ge=0)


class Span(_Frozen):
    """From how many to how many units a group of heavy contributors holds."""

    lower: int = Field(default=2, ge=1)
    upper: int = Field(default=5, ge=1)

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.upper < self.lower:
            raise ValueError(f"upper ({self.upper}) must not lie below lower ({self.lower})")
        return self


class Anonymization(_Frozen):
    """How counts are made safe.

    The contributions of the ``outliers`` heaviest units are cut to the mean of the ``top`` units after them; each of
    the two layers of noise has ``noise_sd`` times a typical contribution as its standard deviation.
    """

    suppression: Suppression = Suppression()
    outliers: Span = Span()
    top: Span = Span()
    noise_sd: float = Field(default=1.0, ge=0)


class Bucketization(_Frozen):
    """How far trees grow.

    A node of fewer units than ``range_threshold`` (``singularity_threshold`` if it holds one value) is no ground for
    trees of more columns to split further. A tree of one column splits below ``depth`` levels only nodes that hold
    one ``fraction``-th of all rows.
    """

    singularity_threshold: int = Field(default=5, ge=2)
    range_threshold: int = Field(default=15, ge=2)
    fraction: int = Field(default=10_000, ge=1)
    depth: int = Field(default=15, ge=0)


class Clustering(_Frozen):
    """How many columns share a tree: a cluster's columns weigh ``1 + sqrt(max(1, entropy))`` each, ``weight`` at most.

    Columns whose dependence on each other stays below ``merge`` share a tree only for want of others. What a column
    tells of another through a third one in the tree counts ``overlap`` times against it.
    """

    weight: float = Field(default=12.0, gt=1)
    merge: float = Field(default=0.04, ge=0, le=1)
    overlap: float = Field(default=2.0, ge=0)


NOISELESS = Anonymization(
    suppression=Suppression(layer_sd=0), outliers=Span(lower=2, upper=2), top=Span(lower=2, upper=2), noise_sd=0
)
"""No noise at all: for tests on tables worked by hand. It protects nobody."""
