"""The Complete Journey: a year of 2,469 households in a grocery shop, and who buys again in which department."""
