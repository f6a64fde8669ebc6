"""What the recipe's training scripts are built of."""
