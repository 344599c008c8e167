"""SynDiffix: microdata from anonymized tree buckets (Francis et al. 2023, arXiv 2311.09628), level by level.

The method in one paragraph: every column becomes a scale, every set of columns a tree whose nodes halve all of their
intervals at once; intervals are snapped to powers of two, so that the data cannot choose where they begin. A node that
holds too few units is suppressed, with a threshold that is noisy; the others answer with a noisy count whose noise is
a function of a secret salt, the node's interval and the set of its units. Synthetic rows are drawn from the intervals.

| module | noun of the paper |
| --- | --- |
| ``parameters`` | the published defaults |
| ``intervals`` | null mapping, snapped intervals |
| ``sticky`` | sticky layered noise |
| ``units`` | suppression, flattening, noisy counts |
| ``columns`` | casting to numbers |
| ``trees``, ``forest`` | trees, stubs, pushed-down roots, the forest of sub-combinations |
| ``pieces``, ``harvest``, ``refinement`` | buckets and their refinement |
| ``microdata`` | values from intervals |
| ``clustering``, ``stitching`` | wide tables |

The guarantee is heuristic; ``docs/diffix.md`` says what that means.
"""
