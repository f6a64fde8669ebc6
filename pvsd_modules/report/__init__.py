"""Pictures, tables and pages made of scores, as one would print them."""
