"""The published results, and ours beside them."""

from collections.abc import Mapping

from .metrics import Scores

# Le Borgne, Siblini, Lebichot, Bontempi: chapter 3, baseline modeling, and chapter 7, feed-forward neural networks (the
# first run, in PyTorch).
PUBLISHED = {
    "logistic regression": Scores(0.871, 0.606, 0.291),
    "random forest": Scores(0.867, 0.658, 0.287),
    "neural network": Scores(0.864, 0.653, 0.286),
}

AUC_TOLERANCE = 0.01
AVERAGE_PRECISION_TOLERANCE = 0.02


def table(found: Mapping[str, Scores]) -> str:
    """Our results with the published ones behind them in brackets, as lines of text."""
    lines = [f"{'':20}  {'AUC ROC':>15}  {'average precision':>17}  {'card precision@100':>18}"]
    for name, ours in found.items():
        theirs = PUBLISHED[name]
        cells = [
            f"{mine:.3f} ({published:.3f})"
            for mine, published in (
                (ours.auc, theirs.auc),
                (ours.average_precision, theirs.average_precision),
                (ours.card_precision, theirs.card_precision),
            )
        ]
        lines.append(f"{name:20}  {cells[0]:>15}  {cells[1]:>17}  {cells[2]:>18}")
    return "\n".join(lines)


def reproduced(name: str, ours: Scores) -> bool:
    """Whether a result is the published one, within the tolerances."""
    theirs = PUBLISHED[name]
    return (
        abs(ours.auc - theirs.auc) <= AUC_TOLERANCE
        and abs(ours.average_precision - theirs.average_precision) <= AVERAGE_PRECISION_TOLERANCE
    )
