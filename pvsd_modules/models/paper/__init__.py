"""The paper's family: its three networks, name for name, and their front end."""
