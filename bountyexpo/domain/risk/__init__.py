"""How risky an action is, and what follows."""
