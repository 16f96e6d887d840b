"""Who buys, how much and how often, and which terminals are near enough."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CUSTOMER_SEED = 0
TERMINAL_SEED = 1
MAP_SIDE = 100.0


@dataclass(frozen=True)
class Customers:
    """One entry per customer, at the index of its id."""

    position: NDArray[np.float64]
    """Home, as rows of (x, y)."""
    mean_amount: NDArray[np.float64]
    daily_purchases: NDArray[np.float64]
    """The mean number of purchases in a day."""


def draw_customers(count: int) -> Customers:
    """Draw the customers: x, y, mean amount and mean purchases a day, one customer after the other."""
    low = [0.0, 0.0, 5.0, 0.0]
    high = [MAP_SIDE, MAP_SIDE, 100.0, 4.0]
    # numpy draws in row-major order, so a row of four takes the same draws as four calls in turn.
    drawn = np.random.RandomState(CUSTOMER_SEED).uniform(low, high, size=(count, 4))
    return Customers(position=drawn[:, :2], mean_amount=drawn[:, 2], daily_purchases=drawn[:, 3])


def draw_terminals(count: int) -> NDArray[np.float64]:
    """Draw the places of the terminals, as rows of (x, y) at the index of their id."""
    return np.random.RandomState(TERMINAL_SEED).uniform(0.0, MAP_SIDE, size=(count, 2))


def terminals_near(home: NDArray[np.float64], terminals: NDArray[np.float64], radius: float) -> list[int]:
    """Return the ids of the terminals nearer to `home` than `radius`, ascending."""
    distance = np.sqrt(np.square(terminals - home).sum(axis=1))
    near: list[int] = np.flatnonzero(distance < radius).tolist()
    return near
