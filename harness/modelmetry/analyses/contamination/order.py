"""The order of an edition's rows: whether a model finds them likelier as they were published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelmetry.analyses.contamination.asked import Asked
from modelmetry.statistics.ordering import OrderTest, gains, order_test


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFound:
    """The order test of an edition.

    Attributes:
        orders: Random orders of each block.
        published: Of the published blocks whose other orders were as likely; None without two of them.
        fresh: The same of the fresh blocks, where nothing should show; None without a fresh edition.
        beyond: Of published less fresh blocks, all of them; None likewise.
        incomplete: Blocks left out because an order of them has no log-probability.
    """

    orders: int
    published: OrderTest | None
    fresh: OrderTest | None
    beyond: OrderTest | None
    incomplete: int

    @property
    def main(self) -> OrderTest | None:
        """The one that is read: beyond the controls, where there are any."""
        return self.beyond or self.published


def find_order(asked: Asked) -> OrderFound | None:
    """Blocks in published order against random orders; None without log-probabilities.

    The log-probability of a block is that of the text shown and of what follows it, under the first
    wording, the mean over repeats. The first token has none where nothing precedes it, in every order alike.

    Args:
        asked: The split order.
    """
    here = (asked.wording == 0) & ~np.isnan(asked.target)
    if not here.any():
        return None
    orders = int(asked.order.max())
    total = asked.target + np.nan_to_num(asked.shown)
    found: dict[tuple[str, bool], dict[int, list[float]]] = {}
    fair: dict[str, bool] = {}
    for i in np.flatnonzero(here).tolist():
        block = str(asked.cluster[i])
        fair[block] = bool(asked.exchangeable[i])
        side = found.setdefault((block, bool(asked.published[i])), {})
        side.setdefault(int(asked.order[i]), []).append(float(total[i]))
    whole = {key: of for key, of in found.items() if len(of) == 1 + orders}
    published, fresh = (
        {block: _gain(of, orders) for (block, side), of in whole.items() if side == there}
        for there in (True, False)
    )
    both = [block for block in published if block in fresh]
    return OrderFound(
        orders=orders,
        published=_test([gain for block, gain in published.items() if fair[block]]),
        fresh=_test([gain for block, gain in fresh.items() if fair[block]]),
        beyond=_test([published[b] for b in both], [fresh[b] for b in both]),
        incomplete=len(found) - len(whole),
    )


def _gain(of: dict[int, list[float]], orders: int) -> float:
    means = [float(np.mean(of[order])) for order in range(1 + orders)]
    return float(gains([means[0]], [means[1:]])[0])


def _test(gained: list[float], controls: list[float] | None = None) -> OrderTest | None:
    return order_test(gained, controls) if len(gained) > 1 else None
