"""What every customer buys: the draws behind the transactions, customer by customer and day by day."""

import random
from array import array

import numpy as np

from .profiles import draw_customers, draw_terminals, terminals_near
from .settings import Settings

SECONDS_PER_DAY = 86_400
NOON = SECONDS_PER_DAY / 2
TIME_SPREAD = 20_000.0


class Purchases:
    """Purchases in the order in which they were drawn, as columns of equal length.

    Each customer has generators of its own, seeded with its id, so its purchases do not depend on the others'.
    Which draw takes place when is part of the data set: a time outside the day takes no draw for an amount.
    """

    def __init__(self) -> None:
        """Start with no purchases."""
        self.customer = array("q")
        self.terminal = array("q")
        self.second = array("q")
        """Seconds since the first day began."""
        self.amount = array("d")
        """Rounded to cents by the reader of this column, not here."""
        # Seeded again for each customer, which gives the draws of new ones and costs less.
        self._numbers = np.random.RandomState()
        self._choices = random.Random()

    def add_customer(self, customer: int, amount: float, daily: float, near: list[int], days: int) -> None:
        """Draw all purchases of one customer, who spends `amount` at a time and buys `daily` times a day (means)."""
        numbers, choose = self._numbers, self._choices.choice
        numbers.seed(customer)
        self._choices.seed(customer)
        for day_start in range(0, days * SECONDS_PER_DAY, SECONDS_PER_DAY):
            for _ in range(numbers.poisson(daily)):
                second = int(numbers.normal(NOON, TIME_SPREAD))
                if not 0 < second < SECONDS_PER_DAY:
                    continue
                spent = numbers.normal(amount, amount / 2)
                if spent < 0:
                    spent = numbers.uniform(0, amount * 2)
                if near:
                    self.customer.append(customer)
                    self.terminal.append(choose(near))
                    self.second.append(day_start + second)
                    self.amount.append(spent)


def draw_purchases(settings: Settings) -> Purchases:
    """Draw the purchases of all customers, by customer id."""
    customers = draw_customers(settings.customers)
    terminals = draw_terminals(settings.terminals)
    purchases = Purchases()
    means = zip(customers.mean_amount.tolist(), customers.daily_purchases.tolist(), strict=True)
    for customer, (amount, daily) in enumerate(means):
        near = terminals_near(customers.position[customer], terminals, settings.radius)
        purchases.add_customer(customer, amount, daily, near, settings.days)
    return purchases
