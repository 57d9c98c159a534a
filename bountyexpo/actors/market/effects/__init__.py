"""How each effect of the market's machines is carried out, by subject; ``tables`` lists them."""
